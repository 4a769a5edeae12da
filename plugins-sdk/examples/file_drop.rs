//! A transport between the mesh and a folder: a file that is dropped into `inbox` becomes a message, and a message that
//! is for this plugin becomes a file in `outbox`. `docs/adding-a-transport.md` walks through it.
//!
//! It opens a link of its own, over which it speaks for itself, and one thread does all that takes time. A file counts as
//! sent when its outcome is back, and a message as delivered when its file is on the disk; whatever dies in between, each
//! is there once.

#[path = "file_drop/disk.rs"]
mod disk;
#[path = "file_drop/inbox.rs"]
mod inbox;
#[path = "file_drop/outbox.rs"]
mod outbox;
#[path = "file_drop/worker.rs"]
mod worker;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use tieline_plugin_sdk::prelude::*;

use worker::{Input, Signals, Worker};

/// How many messages may wait for the thread.
const QUEUE: usize = 64;

settings! {
    /// Where the files are.
    #[derive(Debug, Clone)]
    pub struct FileDropSettings {
        /// The folder, as a whole path. `inbox`, `sending`, `done`, `failed` and `outbox` are made in it.
        folder: String,
        /// How often the inbox is looked at, in milliseconds. A file is taken when two looks found it the same.
        poll_ms: u64 where 10..=60_000 = 200,
        /// Messages of each lane that may be on their way here at once.
        credit: u32 where 1..=1_000 = 16,
    }
}

/// The transport.
pub struct FileDrop {
    to_worker: SyncSender<Input>,
    signals: Arc<Signals>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Transport for FileDrop {
    const MANIFEST: Manifest = Manifest::new("file-drop", env!("CARGO_PKG_VERSION"));
    type Config = FileDropSettings;

    fn start(host: Host, settings: FileDropSettings) -> Result<Self, Error> {
        if !Path::new(&settings.folder).is_absolute() {
            return Err(Error::new(format!("`folder` is {:?}; a whole path is wanted", settings.folder)));
        }
        let signals = Arc::new(Signals::default());
        let worker = Worker::new(host, &settings, Arc::clone(&signals))?;
        let (to_worker, inputs) = sync_channel(QUEUE);
        let run = move || {
            // The daemon catches what panics in its own calls. A thread of ours has to tell it.
            if catch_unwind(AssertUnwindSafe(|| worker.run(&inputs))).is_err() {
                host.fault("the thread that looks after the folder panicked");
            }
        };
        let thread = thread::Builder::new().name("file-drop".into()).spawn(run)?;
        Ok(FileDrop { to_worker, signals, thread: Mutex::new(Some(thread)) })
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        let input = Input::of(message, done);
        match self.to_worker.try_send(input) {
            Ok(()) => Flow::Accepted,
            // The thread says when there is room.
            Err(TrySendError::Full(_)) => self.signals.wait_for_room(),
            Err(TrySendError::Disconnected(_)) => Flow::Closed,
        }
    }

    fn resumed(&self) {
        // A full queue wakes it as well.
        let _woken = self.to_worker.try_send(Input::Wake);
    }

    fn stop(&self, _deadline: Duration) {
        self.signals.end();
        let _woken = self.to_worker.try_send(Input::Wake);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It catches its own panics.
            let _ended = thread.join();
        }
    }
}

export_transport!(FileDrop);
