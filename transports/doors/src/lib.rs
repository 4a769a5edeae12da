//! The doors that agent programs have themselves, by which a program at rest begins a turn: Claude Code's inbox for messages
//! between its sessions, Codex' queue.
//!
//! These doors are not promised by the programs. So each is used with the versions only that it was tried with, and after
//! proof whose it is; in all other cases the reason is returned. What goes through says only that there is mail.
#![forbid(unsafe_code)]

mod claude;
mod codex;
mod door;
mod proof;
mod queue;
mod rules;
mod wake;

pub use claude::tell;
pub use door::{Sent, Shut, open};
pub use queue::Queue;
pub use wake::{ProcessId, Wake};
