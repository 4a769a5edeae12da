//! The thread of a transport that is a peer of its own: what it is given, and how it is started, told and ended.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tieline_plugin_sdk::prelude::*;

/// How many messages may wait for the thread.
const QUEUE: usize = 256;

/// What the thread is given.
#[derive(Debug)]
pub enum Input {
    /// A message from the daemon, as the plugin contract has it.
    Message {
        /// Its kind.
        kind: Kind,
        /// Over which link it came.
        link: u64,
        /// The number of the command that it answers.
        corr: u64,
        /// Its content.
        payload: Vec<u8>,
        /// Says what became of it.
        done: Completion,
    },
    /// The daemon takes messages again.
    Resumed,
    /// It shall end.
    Stop,
}

/// The thread, as the transport has it.
#[derive(Debug)]
pub struct Thread {
    inputs: SyncSender<Input>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Thread {
    /// Starts it under a name; a panic in it is told to the host in the words `panicked`.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn start(
        host: Host,
        name: &str,
        panicked: &'static str,
        run: impl FnOnce(&Receiver<Input>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (inputs, given) = sync_channel(QUEUE);
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| run(&given))).is_err() {
                host.fault(panicked);
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { inputs, thread: Mutex::new(Some(thread)) })
    }

    /// Gives it a message, kept beyond the call that it came with.
    pub fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        let Message { kind, link, corr, payload } = message;
        match self.inputs.try_send(Input::Message { kind, link, corr, payload: payload.to_vec(), done }) {
            Ok(()) => Flow::Accepted,
            // The thread says when there is room.
            Err(TrySendError::Full(_)) => Flow::WouldBlock,
            Err(TrySendError::Disconnected(_)) => Flow::Closed,
        }
    }

    /// Says that the daemon takes messages again.
    pub fn resumed(&self) {
        // A full queue wakes it as well.
        let _woken = self.inputs.try_send(Input::Resumed);
    }

    /// Ends it, and waits for that: what it does takes a few seconds at most.
    pub fn stop(&self) {
        // A full queue ends with its sender.
        let _told = self.inputs.send(Input::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It catches its own panics.
            let _ended = thread.join();
        }
    }
}
