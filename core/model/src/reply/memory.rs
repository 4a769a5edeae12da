//! What the memory of a session is, was, and might become.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Event, PrincipalId, ProposalId, SessionId, TimestampMs};

/// See [`Reply::MemoryRecorded`](super::Reply::MemoryRecorded).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryRecordedView {
    /// Whose.
    pub session: SessionId,
    /// The number of the event.
    pub seq: u64,
    /// The content hash of all files together.
    pub hash: String,
}

/// A file that is or was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryFileView {
    /// Its path.
    pub path: String,
    /// The BLAKE3 hash of its text in hexadecimal.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
    /// The event that brought it in this form.
    pub since_seq: u64,
    /// Where it is from: what the snapshot said, or `proposal`.
    pub origin: String,
    /// Its text.
    pub text: String,
}

/// See [`Reply::Memory`](super::Reply::Memory).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryView {
    /// Whose.
    pub session: SessionId,
    /// The last event about memory that is counted in; 0 when there was none.
    pub seq: u64,
    /// The content hash of all files together.
    pub hash: String,
    /// The files.
    pub files: Vec<MemoryFileView>,
    /// How many events about memory were held against each other.
    pub checked: u64,
    /// How many more are gone, as after a purge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
    /// Where they do not hold together; absent when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Proposals that wait for a decision; only when it is shown as it is now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<ProposalView>,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ProposalState {
    /// It waits for a person.
    Open,
    /// It is in force.
    Applied,
    /// It was refused.
    Rejected,
}

impl ProposalState {
    /// All states, in the order under which the store numbers them.
    pub const ALL: [ProposalState; 3] = [Self::Open, Self::Applied, Self::Rejected];

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProposalState::Open => "open",
            ProposalState::Applied => "applied",
            ProposalState::Rejected => "rejected",
        }
    }
}

/// A proposed change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalView {
    /// Its id.
    pub proposal: ProposalId,
    /// Whose memory.
    pub session: SessionId,
    /// Which file.
    pub path: String,
    /// Where it stands.
    pub state: ProposalState,
    /// The change as a unified diff.
    pub diff: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub author: PrincipalId,
    /// The number of its event.
    pub seq: u64,
    /// When.
    pub proposed_at_ms: TimestampMs,
    /// Who has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<PrincipalId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at_ms: Option<TimestampMs>,
}

/// How one file differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDiff {
    /// Its path.
    pub path: String,
    /// The change as a unified diff.
    pub diff: String,
}

/// See [`Reply::MemoryDiff`](super::Reply::MemoryDiff).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryDiffView {
    /// Whose.
    pub session: SessionId,
    /// From which event about memory; 0 when there was none.
    pub from: u64,
    /// To which.
    pub to: u64,
    /// The files that differ.
    pub files: Vec<FileDiff>,
}

/// See [`Reply::MemoryLog`](super::Reply::MemoryLog).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryLogView {
    /// Whose.
    pub session: SessionId,
    /// The events about memory, newest first.
    pub events: Vec<Event>,
    /// Whether there are older ones.
    pub has_more: bool,
}
