//! How often something may be started again: actix does not restart an actor after a panic, so we do.

use std::collections::VecDeque;

use tieline_model::TimestampMs;

/// More restarts than this within [`WINDOW_MS`] open the circuit.
const MAX_RESTARTS: usize = 5;
/// Over which restarts are counted.
const WINDOW_MS: i64 = 60_000;

/// The restarts of one thing.
#[derive(Debug, Default)]
pub struct Restarts(VecDeque<TimestampMs>);

/// What to do about a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again, after so many milliseconds.
    After(u64),
    /// It died too often: leave it for the rest of the window.
    Tripped,
}

impl Restarts {
    /// Counts a death at `now` and decides.
    pub fn died(&mut self, now: TimestampMs) -> Verdict {
        while self.0.front().is_some_and(|at| now.0 - at.0 >= WINDOW_MS) {
            self.0.pop_front();
        }
        if self.0.len() >= MAX_RESTARTS {
            return Verdict::Tripped;
        }
        self.0.push_back(now);
        // At once, then 100 ms, 200, 400, 800.
        let times = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        Verdict::After(if times == 1 { 0 } else { 100 << (times - 2) })
    }

    /// Tells whether it may run at `now`.
    pub fn is_tripped(&self, now: TimestampMs) -> bool {
        self.0.len() >= MAX_RESTARTS && self.0.front().is_some_and(|at| now.0 - at.0 < WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_that_keeps_dying_is_left_alone_until_the_window_has_passed() {
        let mut restarts = Restarts::default();
        let verdicts: Vec<Verdict> = (0..6).map(|n| restarts.died(TimestampMs(n * 1000))).collect();
        assert_eq!(verdicts[0], Verdict::After(0));
        assert_eq!(verdicts[4], Verdict::After(800));
        assert_eq!(verdicts[5], Verdict::Tripped);
        assert!(restarts.is_tripped(TimestampMs(59_999)));
        assert!(!restarts.is_tripped(TimestampMs(60_000)));
        assert_eq!(restarts.died(TimestampMs(70_000)), Verdict::After(0));
    }
}
