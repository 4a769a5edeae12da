//! The clock of the call that a driver is in.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::Step;

/// The clock of the call that a driver is in. Whoever resets it first, driver or watchdog, has decided.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// 0 = in no call; else the microseconds since the host began, shifted by the step.
    word: AtomicU64,
}

const GIVEN_UP: u64 = u64::MAX;

impl Call {
    /// Begins a call.
    pub(crate) fn begin(&self, clock: Instant, step: Step) -> u64 {
        let micros = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX >> 8);
        let word = ((micros + 1) << 5) | step as u64;
        self.word.store(word, Ordering::Release);
        word
    }

    /// Ends a call. False when the watchdog has given it up.
    #[must_use]
    pub(crate) fn end(&self, word: u64) -> bool {
        self.word.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Returns the call that is running: its word, its step, and since when.
    pub(crate) fn running(&self, clock: Instant) -> Option<(u64, Step, Duration)> {
        let word = self.word.load(Ordering::Acquire);
        if word == 0 || word == GIVEN_UP {
            return None;
        }
        let since = clock + Duration::from_micros((word >> 5).saturating_sub(1));
        let step = Step::from_index((word & 31) as usize)?;
        Some((word, step, since.elapsed()))
    }

    /// Gives a call up. False when it has ended by itself.
    pub(crate) fn give_up(&self, word: u64) -> bool {
        self.word.compare_exchange(word, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
