//! The connection to the host, as the process of a plugin holds it. When it is gone, so is the process.
//!
//! Whoever waits for something from the host reads, and sorts what it reads for the others: between calls that is the
//! thread that makes them, so that no message changes threads on its way.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::event::{PollFd, PollFlags, poll};
use tieline_plugin_sdk::abi;

use super::{confine, room::Room};
use crate::{
    Denied, lock,
    process::LOST,
    wire::{self, Frames, FromChild, MOST_TO_CHILD, Service, ToChild},
};

/// What waits to be written is written at the latest when it is as long as this.
const MOST_WAITING: usize = 64 << 10;

/// The connection.
pub(super) struct Line {
    pub room: Mutex<Room>,
    state: Mutex<State>,
    sorted: Condvar,
    reads: Mutex<(UnixStream, Frames)>,
    writes: Mutex<Writes>,
    /// Held by whoever asks for something that may wait for the disk: one at a time.
    disk: Mutex<()>,
    asks: AtomicU64,
}

/// What was read and sorted.
#[derive(Default)]
struct State {
    calls: VecDeque<Vec<u8>>,
    answers: HashMap<u64, Result<Vec<u8>, Denied>>,
    is_read: bool,
    /// How many threads wait for the one that reads.
    waiting: usize,
}

struct Writes {
    to: UnixStream,
    waiting: Vec<u8>,
}

impl Line {
    /// Begins to watch whether it is still there: also while a call of the plugin does not return.
    pub(super) fn new(line: UnixStream) -> io::Result<Line> {
        let (watched, to) = (line.try_clone()?, line.try_clone()?);
        let watch = move || {
            loop {
                // Only that it is closed is waited for, which needs no asking; what comes on it wakes nobody here.
                let closed = poll(&mut [PollFd::new(&watched, PollFlags::empty())], None);
                if closed != Err(rustix::io::Errno::INTR) {
                    confine::exit(LOST);
                }
            }
        };
        std::thread::Builder::new().name("watch".to_owned()).stack_size(64 << 10).spawn(watch)?;
        Ok(Line {
            room: Mutex::default(),
            state: Mutex::default(),
            sorted: Condvar::new(),
            reads: Mutex::new((line, Frames::new(MOST_TO_CHILD))),
            writes: Mutex::new(Writes { to, waiting: Vec::new() }),
            disk: Mutex::default(),
            asks: AtomicU64::new(1),
        })
    }

    /// Waits for the next call of the host.
    pub(super) fn call(&self) -> Vec<u8> {
        self.wait(|state| state.calls.pop_front())
    }

    /// Asks the host for a service, and waits for what comes of it.
    pub(super) fn ask(&self, service: Service<'_>) -> Result<Vec<u8>, Denied> {
        let _one_at_a_time = service.may_wait().then(|| lock(&self.disk));
        let id = self.asks.fetch_add(1, Ordering::Relaxed);
        self.say(&FromChild::Ask { id, service }, true);
        self.wait(|state| state.answers.remove(&id))
    }

    /// Answers the call that is running.
    pub(super) fn reply(&self, status: i32, accepted: u32, data: &[u8]) {
        self.say(&FromChild::Reply { status, accepted, data }, true);
    }

    /// Sends a frame: at once, or with the answer to the call that is running.
    pub(super) fn say(&self, frame: &FromChild<'_>, at_once: bool) {
        let mut writes = lock(&self.writes);
        let Writes { to, waiting } = &mut *writes;
        frame.encode(waiting);
        if at_once || waiting.len() >= MOST_WAITING {
            if to.write_all(waiting).is_err() {
                confine::exit(LOST);
            }
            waiting.clear();
            waiting.shrink_to(MOST_WAITING);
        }
    }

    /// Waits for something, and reads if nobody else does.
    fn wait<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = found(&mut state) {
                return found;
            }
            if state.is_read {
                state.waiting += 1;
                state = self.sorted.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            }
            state.is_read = true;
            drop(state);
            let frame = self.read();
            state = lock(&self.state);
            state.is_read = false;
            self.sort(frame, &mut state);
            // Whoever found what it was waiting for reads no more; somebody else has to.
            if state.waiting > 0 {
                self.sorted.notify_all();
            }
        }
    }

    fn read(&self) -> Vec<u8> {
        let mut reads = lock(&self.reads);
        let (line, frames) = &mut *reads;
        loop {
            match frames.take() {
                Ok(Some(frame)) => return frame.to_vec(),
                Ok(None) => {}
                Err(_) => confine::exit(LOST),
            }
            match frames.fill(line) {
                Ok(0) | Err(_) => confine::exit(LOST),
                Ok(_) => {}
            }
        }
    }

    fn sort(&self, frame: Vec<u8>, state: &mut State) {
        if wire::is_call(&frame) {
            state.calls.push_back(frame);
            return;
        }
        match ToChild::decode(&frame) {
            Ok(ToChild::Credit { messages, bytes }) => lock(&self.room).free(messages, bytes),
            Ok(ToChild::Answer { id, status, data }) => {
                let result = if status == abi::OK { Ok(data.to_vec()) } else { Err(Denied::of(status)) };
                state.answers.insert(id, result);
            }
            _ => confine::exit(LOST),
        }
    }
}
