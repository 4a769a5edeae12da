//! A file that two sessions change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MessageId, SessionId, TimestampMs};

/// A session has changed files that another has leased, or has just changed too. On the timelines of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileCollision {
    /// Who has changed them now.
    pub by: SessionId,
    /// Who has leased them, or changed them before.
    pub with: SessionId,
    /// The files.
    pub files: Vec<CollidedFile>,
    /// The notice that tells the session of this timeline.
    pub notice: MessageId,
}

/// One file of a collision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollidedFile {
    /// Its absolute path.
    pub path: String,
    /// What the other session has to do with it.
    pub claim: Claim,
    /// Since when it is leased, or when it was changed.
    pub claimed_at_ms: TimestampMs,
}

/// What a session has to do with a file that another changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// It has leased it.
    Leased,
    /// It has changed it.
    Changed,
}
