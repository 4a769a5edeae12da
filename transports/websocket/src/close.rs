//! The close codes of the protocol.

/// The client said bye.
pub const NORMAL: u16 = 1000;
/// No close frame came. Never sent, only told to the host.
pub const ABNORMAL: u16 = 1006;
/// The daemon could not carry out the hello; the error frame before has the fault's id.
pub const FAULT: u16 = 1011;
/// The daemon is shutting down or the transport is being replaced.
pub const DRAINING: u16 = 1012;
/// A frame was malformed, or one that may not come now.
pub const MALFORMED: u16 = 4400;
/// The hello was refused; the error frame before says why.
pub const REFUSED: u16 = 4403;
/// No hello came in time.
pub const NO_HELLO: u16 = 4408;

/// The most bytes that a close frame has for its reason.
const MAX_REASON_BYTES: usize = 123;

/// Tells whether a close frame may carry `code`.
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Cuts a reason to what fits a close frame, never within a character.
pub fn fit(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(fit("short"), "short");
        let long = "é".repeat(100);
        assert_eq!(fit(&long).len(), 122);
    }
}
