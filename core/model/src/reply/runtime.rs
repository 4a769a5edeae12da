//! What a hook is told, and the agent program of a session as it is shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Message, MessageId, SessionId, TimestampMs,
    runtime::{Pane, Presence, ProcessId, Woken},
};

/// See [`Reply::Reported`](super::Reply::Reported).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    /// The session that the program runs.
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Whether it was opened by this report.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new: bool,
    /// What the hook is to bring before the model now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// How often in a row what was handed out did not get into the program's record: above 0 the messages may be there twice.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub missed: u32,
    /// What was handed out earlier and has to be looked for in the program's record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<MessageId>,
}

/// The agent program that runs a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeView {
    /// Which program, as in `claude`.
    pub agent: String,
    /// Its own id of the session, by which it can be resumed.
    pub native: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<Pane>,
    /// What it is at.
    pub presence: Presence,
    /// Since when.
    pub since_ms: TimestampMs,
    /// When it was heard of last.
    pub heard_at_ms: TimestampMs,
    /// Since when nothing confirms that any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since_ms: Option<TimestampMs>,
    /// The ways to it that are open now, best first: `hook`, `listener` (a plugin inside it), or the name of a transport
    /// that wakes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
    /// What has begun its newest turn that a transport was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woken: Option<Woken>,
}

/// See [`Reply::RuntimeFound`](super::Reply::RuntimeFound).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeFound {
    /// The session, when it is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether agent programs run sessions of the caller's at all: then its token alone does not tell who calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_programs: bool,
}
