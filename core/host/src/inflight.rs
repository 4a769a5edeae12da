//! The messages that a plugin has been given and has not answered yet.

use std::collections::VecDeque;

use tieline_plugin_sdk::Kind;

/// What is remembered of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    pub link: u64,
    pub kind: Kind,
    pub corr: u64,
}

/// Messages by token. Tokens are counted up, so a queue with holes is all that it takes.
#[derive(Debug)]
pub(crate) struct InFlight {
    first: u64,
    slots: VecDeque<Option<Given>>,
}

impl Default for InFlight {
    fn default() -> Self {
        InFlight { first: 1, slots: VecDeque::new() }
    }
}

impl InFlight {
    /// Remembers messages. Returns the token of the first; the others follow.
    pub(crate) fn open(&mut self, messages: impl Iterator<Item = Given>) -> u64 {
        let base = self.first + self.slots.len() as u64;
        self.slots.extend(messages.map(Some));
        base
    }

    /// Forgets a message; nothing when the token is unknown or was answered before.
    pub(crate) fn close(&mut self, token: u64) -> Option<Given> {
        let index = usize::try_from(token.checked_sub(self.first)?).ok()?;
        let given = self.slots.get_mut(index)?.take();
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        given
    }

    /// Forgets all of them.
    pub(crate) fn drain(&mut self) -> Vec<Given> {
        self.first += self.slots.len() as u64;
        self.slots.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_closed_once() {
        let given = |link| Given { link, kind: Kind::Delivery, corr: 0 };
        let mut inflight = InFlight::default();
        let base = inflight.open((0..3).map(given));
        assert_eq!(inflight.close(base + 1), Some(given(1)));
        assert_eq!(inflight.close(base + 1), None);
        assert_eq!(inflight.close(base), Some(given(0)));
        assert_eq!(inflight.close(base), None);
        assert_eq!(inflight.close(base + 3), None);
        let next = inflight.open((3..4).map(given));
        assert_eq!(next, base + 3);
        assert_eq!(inflight.drain(), [given(2), given(3)]);
        assert_eq!(inflight.close(next), None);
        assert_eq!(inflight.open((5..6).map(given)), next + 1);
    }
}
