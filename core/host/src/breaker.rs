//! Counts deaths: a pause before each restart, and no restart after too many.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::Limits;

/// The recent deaths of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    deaths: VecDeque<Instant>,
}

impl Breaker {
    /// Counts a death. Returns the pause before the next start, or nothing when there have been too many.
    pub(crate) fn died(&mut self, now: Instant, limits: &Limits) -> Option<Duration> {
        self.deaths.push_back(now);
        while self.deaths.front().is_some_and(|&first| now.duration_since(first) > limits.death_window) {
            self.deaths.pop_front();
        }
        let count = self.deaths.len();
        if count >= limits.deaths {
            return None;
        }
        let doublings = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        Some(limits.backoff_first.saturating_mul(1 << doublings).min(limits.backoff_most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_the_fifth_death_is_the_last() {
        let (mut breaker, now, limits) = (Breaker::default(), Instant::now(), Limits::default());
        let pauses: Vec<_> = (0..5).map(|_| breaker.died(now, &limits).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(8), None]);
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let (mut breaker, start, limits) = (Breaker::default(), Instant::now(), Limits::default());
        for minute in 0..60 {
            let now = start + Duration::from_secs(minute * 60 * 3);
            assert!(breaker.died(now, &limits).is_some(), "{minute}");
        }
    }
}
