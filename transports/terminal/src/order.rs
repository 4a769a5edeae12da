//! What the daemon wants done with a program, as it puts it.

use serde::Deserialize;

use crate::wake::{Pane, ProcessId};

/// One thing to do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Start a program.
    Start(Start),
    /// End a program.
    End(End),
}

/// Starts a program for a session.
#[derive(Debug, Clone, Deserialize)]
pub struct Start {
    /// Its title.
    pub title: String,
    /// Which program, as in `claude`.
    pub agent: String,
    /// The words that it is started with.
    pub argv: Vec<String>,
    /// The folder that it works in.
    pub folder: String,
    /// The folders below which that has to be.
    pub roots: Vec<String>,
    /// The repository of which the folder is to be a working tree.
    pub worktree: Option<Worktree>,
    /// The program's own id of the session that it goes on with.
    pub resume: Option<String>,
    /// The program that is ended before.
    pub instead_of: Option<End>,
}

/// A working tree to be made.
#[derive(Debug, Clone, Deserialize)]
pub struct Worktree {
    /// The folder whose repository it is of.
    pub of: String,
    /// The branch that is made for it.
    pub branch: String,
}

/// Ends a program.
#[derive(Debug, Clone, Deserialize)]
pub struct End {
    /// Its process.
    pub process: ProcessId,
    /// Where it is shown.
    pub pane: Pane,
}
