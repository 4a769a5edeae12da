//! Facts about what was removed from a timeline, and what was taken in from another one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, SessionId, command::ExportOrigin};

/// What was removed of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Purged {
    /// By whom; absent when it was too old to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PrincipalId>,
    /// Events through this number; 0 for none.
    pub through: u64,
    /// The cursor of the last of them; 0 for none.
    pub through_cursor: i64,
    /// How many events.
    pub events: u64,
    /// The words of how many messages.
    pub messages: u64,
    /// Whether nothing but the id of the session was kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What a reader of events comes too late for: it was removed. No event, and on no timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Of which session.
    pub session: SessionId,
    /// The number of the oldest event that is kept of it.
    pub first_seq: u64,
    /// The cursor of the newest event that was removed.
    pub through_cursor: i64,
}

/// What follows was exported elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineImported {
    /// From where.
    pub origin: ExportOrigin,
    /// By whom.
    pub by: PrincipalId,
}
