//! Transcripts that were taken in.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, event::Source};

/// One transcript, as far as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptView {
    /// Which.
    pub source: Source,
    /// On whose timeline.
    pub session: SessionId,
    /// Up to which byte the file was read.
    pub offset: u64,
    /// What the reader needs to go on from there.
    pub state: String,
    /// Lines that were taken in.
    pub lines: u64,
    /// Activities that were recorded.
    pub activities: u64,
    /// Lines that could not be read.
    pub bad: u64,
    /// Records of kinds that are not known, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, u64>,
}

/// See [`Reply::Transcripts`](super::Reply::Transcripts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transcripts {
    /// The transcripts.
    pub transcripts: Vec<TranscriptView>,
    /// The session that the program's own hooks tell of already, when one source was asked for: its transcript has nothing to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<SessionId>,
}
