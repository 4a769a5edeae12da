//! How often a job is tried, and how long it rests in between.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a job is tried, and how long it rests in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct RetryPolicy {
    /// At most so many attempts; 1 to 100, 3 by default.
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
    /// How long it rests after the first, in milliseconds; 10 seconds by default, 24 hours at most.
    #[serde(default = "delay_ms")]
    pub delay_ms: u64,
    /// Whether each rest is twice as long as the one before, up to an hour or `delay_ms`, if that is longer; true by
    /// default.
    #[serde(default = "doubles")]
    pub doubles: bool,
}

const fn max_attempts() -> u32 {
    3
}

const fn delay_ms() -> u64 {
    10_000
}

const fn doubles() -> bool {
    true
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: max_attempts(), delay_ms: delay_ms(), doubles: doubles() }
    }
}

impl RetryPolicy {
    /// The most attempts that may be asked for.
    pub const MOST_ATTEMPTS: u32 = 100;
    /// The longest first rest that may be asked for, in milliseconds.
    pub const LONGEST_DELAY_MS: u64 = 24 * 3_600_000;
    /// How long a rest may become by doubling, in milliseconds.
    const LONGEST_DOUBLED_MS: u64 = 3_600_000;

    /// Returns how long a job rests after so many attempts, in milliseconds.
    pub fn pause_ms(&self, attempts: u32) -> u64 {
        if !self.doubles {
            return self.delay_ms;
        }
        let factor = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        self.delay_ms.saturating_mul(factor).min(self.delay_ms.max(Self::LONGEST_DOUBLED_MS))
    }
}
