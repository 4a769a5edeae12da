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

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tieline_plugin_sdk::prelude::*;

pub use tmux::Tmux;
pub use typing::prompt;
pub use wake::{Pane, ProcessId};
use worker::{Input, Worker};

/// How many messages may wait for the thread.
const QUEUE: usize = 256;

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
pub struct Terminal {
    to_worker: SyncSender<Input>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Transport for Terminal {
    const MANIFEST: Manifest = Manifest::new("terminal", env!("CARGO_PKG_VERSION"));
    type Config = TerminalSettings;

    fn start(host: Host, settings: TerminalSettings) -> Result<Self, Error> {
        let (to_worker, inputs) = sync_channel(QUEUE);
        let worker = Worker::new(host, settings);
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| worker.run(&inputs))).is_err() {
                host.fault("the thread that types panicked");
            }
        };
        let thread = thread::Builder::new().name("terminal".into()).spawn(run)?;
        Ok(Terminal { to_worker, thread: Mutex::new(Some(thread)) })
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        match self.to_worker.try_send(Input::of(message, done)) {
            Ok(()) => Flow::Accepted,
            // The thread says when there is room.
            Err(TrySendError::Full(_)) => Flow::WouldBlock,
            Err(TrySendError::Disconnected(_)) => Flow::Closed,
        }
    }

    fn resumed(&self) {
        // A full queue wakes it as well.
        let _woken = self.to_worker.try_send(Input::Resumed);
    }

    fn stop(&self, _deadline: Duration) {
        // What it types at takes a few seconds at most; a full queue ends with its sender.
        let _told = self.to_worker.send(Input::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It catches its own panics.
            let _ended = thread.join();
        }
    }
}

export_transport!(Terminal);
