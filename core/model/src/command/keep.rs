//! Removing what is recorded, and taking in what was exported elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Address, Message, SessionId, TimestampMs,
    event::{Activity, Source},
};

/// Fields of [`Command::SessionPurge`](super::Command::SessionPurge). Exactly one of `through`, `before_ms` and `all` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPurge {
    /// Which session.
    pub session: Address,
    /// Events through this number of its timeline, and the words of the messages that they tell of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// What is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ms: Option<TimestampMs>,
    /// Everything but the session's id. It has to be closed or archived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// From where an export comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportOrigin {
    /// The lineage of the database.
    pub log_id: String,
    /// The session there.
    pub session: SessionId,
    /// The number of the first event there.
    pub first_seq: u64,
    /// The number of the last.
    pub last_seq: u64,
}

/// Something of an exported timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportItem {
    /// The number of the event there.
    pub seq: u64,
    /// When it was recorded there.
    pub at_ms: TimestampMs,
    /// What it was.
    pub what: Imported,
}

/// What can be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Imported {
    /// The agent did something.
    Activity {
        /// What.
        what: Activity,
        /// When it happened, where its source knew that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        happened_at_ms: Option<TimestampMs>,
        /// Where it was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
    },
    /// A message came in, or an ask went out.
    Message(Box<Message>),
    /// Something else, of which nothing is taken in.
    Nothing,
}

/// Fields of [`Command::SessionImport`](super::Command::SessionImport).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionImport {
    /// From where it comes.
    pub origin: ExportOrigin,
    /// The session that an earlier command answered; without it the one that has this origin, or a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// What a new session is called.
    pub title: String,
    /// The circle of a new session; by default the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Open a new session though there is one that has this origin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What is taken in, oldest first; at most 500. What was taken in before is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ImportItem>,
}
