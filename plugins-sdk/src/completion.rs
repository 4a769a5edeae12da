//! The one answer that every accepted message gets.

use std::cell::Cell;

use crate::{Host, abi};

/// Owes the host one answer about one message. Dropped without an answer, it says that the delivery failed; dropped
/// within `deliver`, what `deliver` returns decides.
#[must_use = "dropping it says that the delivery failed"]
pub struct Completion {
    host: Host,
    token: u64,
    open: bool,
}

/// What became of the completion while its `deliver` was running.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Kept,
    Dropped,
    Answered,
}

thread_local! {
    /// The delivery that this thread is in: instance, token, and what became of its completion.
    static DELIVERY: Cell<Option<(usize, u64, Seen)>> = const { Cell::new(None) };
}

impl Completion {
    pub(crate) fn new(host: Host, token: u64) -> Self {
        Completion { host, token, open: true }
    }

    /// The message has gone out.
    pub fn ok(self) {
        self.answer(abi::OK, "");
    }

    /// The message did not go out; the host tries again.
    pub fn failed(self, reason: &str) {
        self.answer(abi::FAILED, reason);
    }

    /// The link is gone.
    pub fn closed(self) {
        self.answer(abi::CLOSED, "");
    }

    fn answer(mut self, status: i32, detail: &str) {
        self.open = false;
        self.note(Seen::Answered);
        self.host.complete(self.token, status, detail);
    }

    /// Tells the delivery that this thread is in, if it is this one's.
    fn note(&self, seen: Seen) -> bool {
        let noted = DELIVERY.try_with(|delivery| match delivery.get() {
            Some((host, token, _)) if (host, token) == (self.host.key(), self.token) => {
                delivery.set(Some((host, token, seen)));
                true
            }
            _ => false,
        });
        noted.unwrap_or(false)
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if self.open && !self.note(Seen::Dropped) {
            self.host.complete(self.token, abi::FAILED, "the transport dropped the message without an answer");
        }
    }
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completion").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Runs one delivery, and returns what became of its completion.
pub(crate) fn watch<R>(host: Host, token: u64, deliver: impl FnOnce(Completion) -> R) -> (R, Seen) {
    struct Reset(Option<(usize, u64, Seen)>);
    impl Drop for Reset {
        fn drop(&mut self) {
            DELIVERY.set(self.0);
        }
    }
    let _reset = Reset(DELIVERY.replace(Some((host.key(), token, Seen::Kept))));
    let result = deliver(Completion::new(host, token));
    let seen = DELIVERY.get().map_or(Seen::Kept, |(_, _, seen)| seen);
    (result, seen)
}
