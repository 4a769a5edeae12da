//! What the host tells the benchmark: how many messages were answered.

use std::sync::{Condvar, Mutex, PoisonError};

use tieline_host::{Events, Inbound, Kind, Status};

/// Counts answers.
#[derive(Default)]
pub struct Answers {
    count: Mutex<usize>,
    more: Condvar,
}

impl Answers {
    /// Waits until so many messages were answered.
    pub fn wait(&self, wanted: usize) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.more.wait_while(count, |count| *count < wanted));
    }
}

impl Events for Answers {
    fn inbound(&self, _: &str, messages: &[Inbound<'_>]) -> usize {
        messages.len()
    }
    fn completed(&self, _: &str, _: u64, _: Kind, _: u64, _: bool, _: &str) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_one();
    }
    fn writable(&self, _: &str) {}
    fn instance_lost(&self, _: &str) {}
    fn changed(&self, _: &Status) {}
    fn plugin_log(&self, _: &str, _: tracing::Level, _: &str, _: &str) {}
}
