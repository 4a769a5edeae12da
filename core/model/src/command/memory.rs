//! Commands about the memory of sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Address, ProposalId};

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryText {
    /// Its path, as the agent names it; at most 1,024 bytes.
    pub path: String,
    /// Its text; at most 64 KiB.
    pub text: String,
}

/// Fields of [`Command::MemorySnapshot`](super::Command::MemorySnapshot).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemorySnapshot {
    /// Which session; that of the link, else the caller's home, by default. It has to be the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// On what occasion, or where they are from, as in `start`, `resume` or `CLAUDE.md`; 1 to 120 characters.
    pub origin: String,
    /// All files that are in force; at most 64 with 256 KiB together.
    pub files: Vec<MemoryText>,
}

/// Fields of [`Command::MemoryPropose`](super::Command::MemoryPropose): one of `text`, `diff` and `remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryPropose {
    /// Whose memory; that of the link's session, else of the caller's home, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Which file; one that is not there yet is made.
    pub path: String,
    /// Its new text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The change as a unified diff, which has to fit to the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The file is to go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
    /// Why; at most 4 KiB.
    pub reason: String,
}

/// Fields of [`Command::MemoryDecide`](super::Command::MemoryDecide).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDecide {
    /// Which proposal.
    pub proposal: ProposalId,
    /// Whether it comes into force.
    pub allow: bool,
    /// Why; at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Fields of [`Command::MemoryShow`](super::Command::MemoryShow).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryShow {
    /// Whose.
    pub session: Address,
    /// At which event of the session's timeline; now by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
}

/// Fields of [`Command::MemoryDiff`](super::Command::MemoryDiff).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDiff {
    /// Whose.
    pub session: Address,
    /// From which event of the session's timeline; 0 is before the first.
    pub from: u64,
    /// To which; now by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// Fields of [`Command::MemoryLog`](super::Command::MemoryLog).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLog {
    /// Whose.
    pub session: Address,
    /// Only events before this number of the session's timeline; the newest by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many; 1 to 200, 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
