//! What is known when a session's agent program is watched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MessageId, SessionId, TimestampMs};

/// See [`Reply::IdleWatched`](super::Reply::IdleWatched).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdleWatched {
    /// Whose program.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// Until when it is watched; absent when the notice has been sent already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<TimestampMs>,
    /// The notice, when the program was at rest already: it is in the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<MessageId>,
}
