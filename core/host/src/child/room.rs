//! What of the host's room for messages is in use.

use crate::inbox::{MOST_BYTES, MOST_MESSAGES};

/// What of the host's room for messages is in use.
#[derive(Debug, Default)]
pub(super) struct Room {
    messages: usize,
    bytes: usize,
    /// The host knows that the plugin waits for room.
    is_awaited: bool,
}

impl Room {
    /// Takes room for a message, if there is any. One always fits.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let fits = self.messages == 0 || (self.messages < MOST_MESSAGES && self.bytes + bytes <= MOST_BYTES);
        if fits {
            self.messages += 1;
            self.bytes += bytes;
        }
        fits
    }

    /// The plugin waits for room. True when that is news to the host.
    pub(super) fn wait(&mut self) -> bool {
        !std::mem::replace(&mut self.is_awaited, true)
    }

    /// The host has passed messages on.
    pub(super) fn free(&mut self, messages: u32, bytes: u64) {
        self.messages = self.messages.saturating_sub(messages as usize);
        self.bytes = self.bytes.saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The plugin is told that there is room.
    pub(super) fn resume(&mut self) {
        self.is_awaited = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_limited_by_number_and_by_bytes_and_one_message_always_fits() {
        let mut room = Room::default();
        assert!(room.take(MOST_BYTES * 2), "one always fits");
        assert!(!room.take(1));
        room.free(1, MOST_BYTES as u64 * 2);
        assert_eq!((0..MOST_MESSAGES * 2).filter(|_| room.take(1)).count(), MOST_MESSAGES);
        room.free(u32::MAX, u64::MAX);
        assert!(room.take(MOST_BYTES - 1) && room.take(1) && !room.take(1));
    }

    #[test]
    fn that_the_plugin_waits_is_news_once() {
        let mut room = Room::default();
        assert!(room.wait() && !room.wait());
        room.resume();
        assert!(room.wait());
    }
}
