//! What the mesh has a transport do with agent programs: carried by a notice to the transport's home session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    SessionId,
    runtime::{Pane, ProcessId},
};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Start a program.
    Start(Box<Start>),
    /// End a program.
    End(End),
}

/// Starts a program for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// Which program, as in `claude`.
    pub agent: String,
    /// The words that it is started with; no shell reads them.
    pub argv: Vec<String>,
    /// The folder that it works in.
    pub folder: String,
    /// The folders below which that has to be, also when links are followed.
    pub roots: Vec<String>,
    /// The repository of which the folder is to be a working tree, and the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Worktree>,
    /// The program's own id of the session that it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// The program that is ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<End>,
}

/// A working tree to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Worktree {
    /// The folder whose repository it is of.
    pub of: String,
    /// The branch that is made for it.
    pub branch: String,
}

/// Ends a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// The session that it runs.
    pub session: SessionId,
    /// Its process.
    pub process: ProcessId,
    /// Where it is shown.
    pub pane: Pane,
}
