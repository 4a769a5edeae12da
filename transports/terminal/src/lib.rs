//! Wakes agent programs that wait for a prompt in a pane of tmux: types one line, and presses Enter once the line is seen
//! in the program's composer. And starts and ends programs in panes of its own.
//!
//! The last way, for programs with no better one: it types only where it can prove whose pane it is, and never while a
//! permission may be asked for. What it types says only that there is mail; the mail comes through the program's hooks.
#![forbid(unsafe_code)]

mod order;
mod screen;
mod starting;
mod tmux;
mod typing;
mod wake;
mod worker;

use std::time::Duration;

use tieline_plugin_sdk::prelude::*;
use tieline_transport_home::Thread;

pub use tmux::Tmux;
pub use typing::prompt;
pub use wake::{Pane, ProcessId};
use worker::Worker;

settings! {
    /// How it types.
    #[derive(Debug, Clone)]
    pub struct TerminalSettings {
        /// The program `tmux`, found along PATH or a whole path.
        tmux: String = "tmux",
        /// The server of tmux that programs are started in: `tmux -L SERVER attach` shows them.
        server: String = "tieline",
        /// How long a program has to show what was typed, in milliseconds.
        show_ms: u64 where 100..=10_000 = 2_000,
    }
}

/// The transport.
pub struct Terminal(Thread);

impl Transport for Terminal {
    const MANIFEST: Manifest = Manifest::new("terminal", env!("CARGO_PKG_VERSION"));
    type Config = TerminalSettings;

    fn start(host: Host, settings: TerminalSettings) -> Result<Self, Error> {
        let worker = Worker::new(host, settings);
        Thread::start(host, "terminal", "the thread that types panicked", |inputs| worker.run(inputs)).map(Terminal)
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        self.0.deliver(message, done)
    }

    fn resumed(&self) {
        self.0.resumed();
    }

    fn stop(&self, _deadline: Duration) {
        self.0.stop();
    }
}

export_transport!(Terminal);
