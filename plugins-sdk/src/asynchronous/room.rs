//! How much may wait in the queue of a transport.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Host;

const MOST: usize = 1024;
const MOST_BYTES: usize = 8 << 20;

/// The room that is left. Whoever was refused is told when half of it is free again.
#[derive(Debug)]
pub(super) struct Room {
    host: Host,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    bytes: usize,
    has_refused: bool,
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(host: Host) -> Arc<Self> {
        Arc::new(Room { host, taken: Mutex::default() })
    }

    /// Takes a place, if there is one. One that is larger than all of it fits when it is alone.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Place> {
        let mut taken = self.taken();
        if taken.count >= MOST || (taken.count > 0 && taken.bytes + bytes > MOST_BYTES) {
            taken.has_refused = true;
            return None;
        }
        taken.count += 1;
        taken.bytes += bytes;
        Some(Place { room: Arc::clone(self), bytes })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.count -= 1;
        taken.bytes -= self.bytes;
        let has_room = taken.count <= MOST / 2 && taken.bytes <= MOST_BYTES / 2;
        let tell = has_room && std::mem::take(&mut taken.has_refused);
        drop(taken);
        if tell {
            self.room.host.writable();
        }
    }
}
