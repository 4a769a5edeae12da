//! Looks after the processes of agent programs: one that is gone is told to the store, whatever its hooks said last.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tieline_model::{
    SessionId,
    runtime::{ProcessId, Runtime, RuntimeState},
};

use crate::{door::Door, job::Work};

/// How often they are looked at, in milliseconds.
const LOOK_MS: u64 = 3_000;

/// The processes that are looked after.
#[derive(Debug, Default)]
pub struct Runtimes(Mutex<HashMap<SessionId, ProcessId>>);

impl Runtimes {
    /// Takes in what is known of a session's program.
    pub fn note(&self, session: SessionId, runtime: &Runtime) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match runtime.process.filter(|_| runtime.state != RuntimeState::Offline) {
            Some(process) => known.insert(session, process),
            None => known.remove(&session),
        };
    }

    /// Tells whether a process has ended.
    pub fn is_gone(&self, process: ProcessId) -> bool {
        !tieline_process::is_alive(process.pid, process.started)
    }

    fn gone(&self) -> Vec<(SessionId, ProcessId)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.into_iter().filter(|(_, process)| self.is_gone(*process)).collect()
    }
}

/// Looks until the daemon drains.
pub async fn keep(door: Door) {
    let shared = door.shared();
    while !shared.is_draining() {
        for (session, process) in shared.runtimes.gone() {
            door.submit(Work::RuntimeLost { session, pid: process.pid });
        }
        tokio::select! {
            () = shared.clock.sleep_until(shared.clock.now().plus_ms(LOOK_MS)) => {}
            () = shared.drained() => {}
        }
    }
}
