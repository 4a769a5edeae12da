//! How long it is worth trying again.

use std::time::Duration;

const FIRST_MS: u64 = 50;
const LONGEST_MS: u64 = 2_000;
const TOTAL_MS: u64 = 10_000;

/// The waits of one command, at most ten seconds in all.
#[derive(Debug, Default)]
pub struct Patience {
    tries: u32,
    spent_ms: u64,
}

impl Patience {
    /// Tells whether anything was waited for yet.
    pub fn is_used(&self) -> bool {
        self.tries > 0
    }

    /// Returns the next wait, or nothing when it is time to give up. What the daemon asked for wins.
    pub fn wait(&mut self, retry_after_ms: Option<u64>) -> Option<Duration> {
        let doubling = FIRST_MS.saturating_mul(1 << self.tries.min(16)).min(LONGEST_MS);
        let wait = retry_after_ms.map_or(doubling, |asked| asked.max(FIRST_MS));
        if self.spent_ms + wait > TOTAL_MS {
            return None;
        }
        self.tries += 1;
        self.spent_ms += wait;
        Some(Duration::from_millis(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut patience = Patience::default();
        let waits: Vec<u128> = std::iter::from_fn(|| patience.wait(None)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits[..4], [50, 100, 200, 400]);
        assert!(waits.iter().sum::<u128>() <= 10_000 && waits.len() < 20, "{waits:?}");
    }

    #[test]
    fn what_the_daemon_asks_for_is_kept_unless_it_is_too_long() {
        assert_eq!(Patience::default().wait(Some(3_000)), Some(Duration::from_secs(3)));
        assert_eq!(Patience::default().wait(Some(60_000)), None);
    }
}
