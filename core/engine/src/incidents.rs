//! What becomes of plugins, on its way to the mesh's own timeline: in order, and never in the way of who tells it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tieline_model::{EventBody, Reply};
use tieline_store::Refused;

use crate::{door::Door, job::Work, request::Request};

/// How many may wait while the writer has no room. More are left out, with a word in the log.
const MOST_WAITING: usize = 1024;
/// How long to wait before the writer is tried again, in milliseconds.
const TRY_AGAIN_MS: u64 = 100;

/// One fact, and who is answered once it is written.
#[derive(Debug)]
pub struct Incident {
    /// The fact.
    pub body: EventBody,
    /// The operation that it is about, and its reply.
    pub answer: Option<(Request, Reply)>,
}

/// Those that wait for room.
#[derive(Debug, Default)]
pub struct Incidents(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    line: VecDeque<Incident>,
    /// Whether somebody comes back to try again.
    is_tried_again: bool,
}

impl Incidents {
    /// Puts a fact in line for the writer. Never waits.
    pub fn note(&self, door: &Door, incident: Incident) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.line.len() >= MOST_WAITING {
            // One that is owed an answer is answered with a fault as it is dropped.
            tracing::warn!(event = incident.body.kind(), "the writer has no room; an incident is not written down");
            return;
        }
        waiting.line.push_back(incident);
        if !waiting.is_tried_again && !waiting.hand_over(door) {
            waiting.is_tried_again = true;
            let door = door.clone();
            let clock = door.shared().clock.clone();
            door.shared().runtime.clone().spawn(async move {
                loop {
                    clock.sleep_until(clock.now().plus_ms(TRY_AGAIN_MS)).await;
                    if door.shared().incidents.try_again(&door) {
                        return;
                    }
                }
            });
        }
    }

    fn try_again(&self, door: &Door) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_done = waiting.hand_over(door);
        waiting.is_tried_again = !is_done;
        is_done
    }
}

impl Waiting {
    /// Hands over what waits, the oldest first. False when there was no room for all.
    fn hand_over(&mut self, door: &Door) -> bool {
        while let Some(incident) = self.line.pop_front() {
            match door.offer(Work::Record(Box::new(incident))) {
                Ok(()) => {}
                Err(Refused::Full(Work::Record(incident))) => {
                    self.line.push_front(*incident);
                    return false;
                }
                // The daemon has stopped: nobody reads this any more, and what was asked is answered as it is dropped.
                Err(Refused::Full(_) | Refused::Closed(_)) => self.line.clear(),
            }
        }
        true
    }
}
