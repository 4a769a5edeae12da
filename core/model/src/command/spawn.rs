//! Starting agent programs for new sessions, and ending them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Fields of [`Command::Spawn`](super::Command::Spawn).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// The folder that it works in: a whole path below one of the configured roots.
    pub folder: String,
    /// By which of the configured profiles.
    pub profile: String,
    /// What the session is called; after folder and program by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Make a working tree of the folder's repository on a new branch of this name, and work there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// On whose behalf; the caller's home by default.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
}
