//! Wakes agent programs by doors of their own: Claude Code through the inbox for messages between its sessions, Codex through
//! its queue. Nothing is typed, so that it works wherever the program is shown.
//!
//! When a door is not as it was tried the request is refused with the reason, and another transport is asked. What goes through
//! says only that there is mail; the mail comes through the program's hooks.
#![forbid(unsafe_code)]

mod carried;
mod worker;

use std::time::Duration;

use tieline_plugin_sdk::prelude::*;
use tieline_transport_home::Thread;

use worker::Worker;

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
pub struct Native(Thread);

impl Transport for Native {
    const MANIFEST: Manifest = Manifest::new("native", env!("CARGO_PKG_VERSION"));
    type Config = NativeSettings;

    fn start(host: Host, settings: NativeSettings) -> Result<Self, Error> {
        let worker = Worker::new(host, Duration::from_millis(settings.begin_ms));
        Thread::start(host, "native", "the thread that wakes panicked", |inputs| worker.run(inputs)).map(Native)
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

export_transport!(Native);
