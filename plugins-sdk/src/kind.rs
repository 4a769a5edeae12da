//! What a message is, and its borrowed form on the plugin's side.

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Kind {
    /// A command of a link; to the host.
    Command = 1,
    /// What came of it; to the plugin.
    Outcome = 2,
    /// A message for a link; to the plugin.
    Delivery = 3,
    /// What a link says about deliveries; to the host.
    Receipt = 4,
    /// A number that will not be delivered; to the plugin.
    Skip = 5,
    /// A link that the plugin itself opened (bit 63 of its number is set); to the host.
    LinkUp = 6,
    /// A link is gone, or has to go; either way.
    LinkDown = 7,
    /// How many more deliveries a link takes; to the host.
    Credit = 8,
    /// How a message of the link's own session fares; to the plugin.
    Progress = 9,
}

impl Kind {
    /// Reads the number of a kind.
    pub const fn from_u16(number: u16) -> Option<Kind> {
        Some(match number {
            1 => Kind::Command,
            2 => Kind::Outcome,
            3 => Kind::Delivery,
            4 => Kind::Receipt,
            5 => Kind::Skip,
            6 => Kind::LinkUp,
            7 => Kind::LinkDown,
            8 => Kind::Credit,
            9 => Kind::Progress,
            _ => return None,
        })
    }

    /// Returns the number.
    pub const fn as_u16(self) -> u16 {
        self as u16
    }

    /// Tells whether a plugin sends it to the host.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Kind::Command | Kind::Receipt | Kind::LinkUp | Kind::LinkDown | Kind::Credit)
    }

    /// Tells whether the host sends it to a plugin.
    pub const fn is_outbound(self) -> bool {
        matches!(self, Kind::Outcome | Kind::Delivery | Kind::Skip | Kind::LinkDown | Kind::Progress)
    }
}

/// A message that crosses the boundary. The payload is JSON; a transport passes it on unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The link it belongs to: the number of a host-held socket, or one chosen by the plugin with bit 63 set.
    pub link: u64,
    /// What it is.
    pub kind: Kind,
    /// Joins an outcome to its command; 0 = no answer wanted.
    pub corr: u64,
    /// JSON.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Makes a message.
    pub const fn new(kind: Kind, link: u64, corr: u64, payload: &'a [u8]) -> Self {
        Message { link, kind, corr, payload }
    }

    /// Returns the payload as text. The host only sends UTF-8, so nothing here means a broken host.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        for number in 0..20 {
            if let Some(kind) = Kind::from_u16(number) {
                assert_eq!(kind.as_u16(), number);
                assert!(kind.is_inbound() || kind.is_outbound());
            }
        }
        assert_eq!((1..=9).filter_map(Kind::from_u16).count(), 9);
        assert_eq!(Kind::from_u16(0), None);
        assert_eq!(Kind::from_u16(10), None);
    }
}
