//! A request to wake a program, as the daemon puts it.

use serde::Deserialize;

/// One process: its number, and when it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started.
    pub started: u64,
}

/// The request.
#[derive(Debug, Clone, Deserialize)]
pub struct Wake {
    /// The session that has mail.
    pub session: String,
    /// Which program runs it, as in `claude`.
    pub agent: String,
    /// The program's own id of the session.
    pub native: String,
    /// The program's process.
    pub process: Option<ProcessId>,
    /// The folder in which the program keeps what it knows.
    pub home: Option<String>,
    /// What to prompt it with.
    pub prompt: String,
}
