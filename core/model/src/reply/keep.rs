//! What came of a removal and of an import.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SessionId;

/// See [`Reply::Purged`](super::Reply::Purged). Nothing of what was removed is left in the files of the daemon, but in backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PurgedView {
    /// Of which session.
    pub session: SessionId,
    /// Through which number of its timeline; 0 when no event was removed.
    pub through: u64,
    /// How many events.
    pub events: u64,
    /// The words of how many messages.
    pub messages: u64,
}

/// See [`Reply::Imported`](super::Reply::Imported).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedView {
    /// Into which session.
    pub session: SessionId,
    /// Whether this command opened it.
    pub is_new: bool,
    /// Through which number of the exported timeline it was taken in.
    pub through: u64,
}
