//! A request to wake a program, as the daemon puts it.

use serde::Deserialize;

use crate::order::Order;

/// One process: its number, and when it was started.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started.
    pub started: u64,
}

/// A pane of tmux.
#[derive(Debug, Clone, Deserialize)]
pub struct Pane {
    /// The server's socket.
    pub socket: String,
    /// The pane, as in `%3`.
    pub pane: String,
}

/// The request.
#[derive(Debug, Clone, Deserialize)]
pub struct Wake {
    /// The session that has mail.
    pub session: String,
    /// The program's process.
    pub process: Option<ProcessId>,
    /// Where it is shown.
    pub pane: Option<Pane>,
    /// What to type.
    pub prompt: String,
}

/// What a delivery carries.
#[derive(Debug, Deserialize)]
pub struct Carried {
    /// The request, if it is one.
    pub wake: Option<Wake>,
    /// What is to be done with a program.
    pub order: Option<Order>,
}
