//! How a schedule changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a schedule changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleChange {
    /// It waits.
    Paused,
    /// It goes on.
    Resumed,
    /// It was ended by somebody.
    Cancelled,
    /// It has ended: no instant is left.
    Done,
}

impl ScheduleChange {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScheduleChange::Paused => "paused",
            ScheduleChange::Resumed => "resumed",
            ScheduleChange::Cancelled => "cancelled",
            ScheduleChange::Done => "done",
        }
    }
}
