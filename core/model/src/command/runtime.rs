//! What the hooks of an agent program say, and finding the session that a process belongs to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Happened;
use crate::{
    MessageId,
    runtime::{Pane, ProcessId, Signal},
};

/// Fields of [`Command::Report`](super::Command::Report).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Which agent program, as in `claude`: 1 to 32 of `a-z`, `0-9`, `-`, `_`.
    pub agent: String,
    /// The program's own id of the session; 1 to 200 bytes.
    pub native: String,
    /// What it does, by its hook.
    pub signal: Signal,
    /// The hook, as the program calls it.
    pub hook: String,
    /// The program's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// The program's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The folder that it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<Pane>,
    /// Whether a plugin inside the program hears of mail and prompts it, also while it rests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listens: bool,
    /// The folder in which the program keeps what it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// What happened, in order; at most 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<Happened>,
    /// Messages that are in the program's own record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<MessageId>,
    /// Messages that were looked for in the program's record and are not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MessageId>,
    /// How many bytes of text this hook can bring before the model; none by default.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub room: u32,
}

impl Report {
    /// Makes a report that says nothing but what its program does.
    pub fn new(agent: &str, native: &str, hook: &str, signal: Signal) -> Self {
        Self {
            agent: agent.to_owned(),
            native: native.to_owned(),
            signal,
            hook: hook.to_owned(),
            process: None,
            version: None,
            folder: None,
            pane: None,
            listens: false,
            home: None,
            activities: Vec::new(),
            seen: Vec::new(),
            missing: Vec::new(),
            room: 0,
        }
    }
}

/// Fields of [`Command::RuntimeFind`](super::Command::RuntimeFind).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuntimeFind {
    /// The caller's process, who started it, who started that one, and so on; at most 64.
    pub processes: Vec<ProcessId>,
}
