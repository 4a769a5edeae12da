//! What happens to the memory of a session. Each names the link before it and its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, ProposalId, memory::MemoryFile};

/// The files that an agent works by were recorded, as it found them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryRecorded {
    /// On what occasion, or where they are from: `start`, `resume`, a path.
    pub origin: String,
    /// The content hash of all files together.
    pub hash: String,
    /// All of them.
    pub files: Vec<MemoryFile>,
    /// By whom.
    pub by: PrincipalId,
    /// The link before.
    pub before: String,
    /// Its own link.
    pub after: String,
}

/// A change of one file was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryProposed {
    /// The proposal.
    pub proposal: ProposalId,
    /// Which file.
    pub path: String,
    /// The file as it would be; absent when it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<MemoryFile>,
    /// The change as a unified diff.
    pub diff: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub author: PrincipalId,
    /// The link before.
    pub before: String,
    /// Its own link.
    pub after: String,
}

/// A person allowed a proposed change: it is in force from this event on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryApplied {
    /// The proposal.
    pub proposal: ProposalId,
    /// Which file.
    pub path: String,
    /// The file as it is now; absent when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<MemoryFile>,
    /// The content hash of all files together.
    pub hash: String,
    /// The change as a unified diff.
    pub diff: String,
    /// Why it was proposed.
    pub reason: String,
    /// Who proposed it.
    pub author: PrincipalId,
    /// Who allowed it.
    pub by: PrincipalId,
    /// What they said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The link before.
    pub before: String,
    /// Its own link.
    pub after: String,
}

/// A person refused a proposed change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryRejected {
    /// The proposal.
    pub proposal: ProposalId,
    /// Which file.
    pub path: String,
    /// Who proposed it.
    pub author: PrincipalId,
    /// Who refused it.
    pub by: PrincipalId,
    /// What they said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The link before.
    pub before: String,
    /// Its own link.
    pub after: String,
}
