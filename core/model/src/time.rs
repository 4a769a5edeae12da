//! Instants as the model sees them: milliseconds since the Unix epoch, handed in by the engine's clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct TimestampMs(pub i64);

impl TimestampMs {
    /// Returns the instant `ms` milliseconds later, clamped at the end of time.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }

    /// Returns the instant `ms` milliseconds earlier, clamped at the beginning of time.
    pub const fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(ms))
    }
}
