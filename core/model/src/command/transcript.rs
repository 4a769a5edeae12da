//! Taking in what agent programs wrote of their sessions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Happened;
use crate::{Address, event::Source};

/// Fields of [`Command::TranscriptRecord`](super::Command::TranscriptRecord).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TranscriptRecord {
    /// On whose timeline; it has to be the caller's own.
    pub session: Address,
    /// Which transcript: the agent program, and its own id of the session.
    pub source: Source,
    /// The lines with what they tell, in order; at most 500 lines and 500 activities. One that was taken in before is left out.
    pub lines: Vec<TranscriptLine>,
    /// Up to which byte the file was read.
    pub offset: u64,
    /// What the reader needs to go on from there; at most 64 KiB.
    pub state: String,
    /// Lines that could not be read.
    #[serde(default)]
    pub bad: u64,
    /// Records of kinds that are not known, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, u64>,
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TranscriptLine {
    /// The first 16 hexadecimal digits of the line's BLAKE3 hash.
    pub hash: String,
    /// What it tells.
    pub activities: Vec<Happened>,
}

/// Fields of [`Command::TranscriptList`](super::Command::TranscriptList).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TranscriptList {
    /// Only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}
