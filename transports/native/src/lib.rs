//! Wakes agent programs by doors of their own: Claude Code through the inbox for messages between its sessions, Codex through
//! its queue. Nothing is typed, so that it works wherever the program is shown.
//!
//! When a door is not as it was tried the request is refused with the reason, and another transport is asked. What goes through
//! says only that there is mail; the mail comes through the program's hooks.
#![forbid(unsafe_code)]

mod delivery;
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

use worker::{Input, Worker};

/// How many messages may wait for the thread.
const QUEUE: usize = 256;

settings! {
    /// How long it waits.
    #[derive(Debug, Clone)]
    pub struct NativeSettings {
        /// How long a program has until it begins a turn, in milliseconds; less than `agents.wake_timeout_ms`. Codex looks into its
        /// queue every ten seconds.
        begin_ms: u64 where 1_000..=600_000 = 15_000,
    }
}

/// The transport.
pub struct Native {
    to_worker: SyncSender<Input>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Transport for Native {
    const MANIFEST: Manifest = Manifest::new("native", env!("CARGO_PKG_VERSION"));
    type Config = NativeSettings;

    fn start(host: Host, settings: NativeSettings) -> Result<Self, Error> {
        let (to_worker, inputs) = sync_channel(QUEUE);
        let worker = Worker::new(host, Duration::from_millis(settings.begin_ms));
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| worker.run(&inputs))).is_err() {
                host.fault("the thread that wakes panicked");
            }
        };
        let thread = thread::Builder::new().name("native".into()).spawn(run)?;
        Ok(Native { to_worker, thread: Mutex::new(Some(thread)) })
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
        // What it does takes a few seconds at most; a full queue ends with its sender.
        let _told = self.to_worker.send(Input::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It catches its own panics.
            let _ended = thread.join();
        }
    }
}

export_transport!(Native);
