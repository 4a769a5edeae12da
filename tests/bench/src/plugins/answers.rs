//! What the host tells the benchmark: how many messages were answered.

use std::sync::{Condvar, Mutex, PoisonError};

use tieline_host::{Events, Inbound, Kind, Status};

/// Counts answers.
#[derive(Default)]
pub struct Answers {
    only: Option<&'static str>,
    count: Mutex<usize>,
    more: Condvar,
}

impl Answers {
    /// Counts those of one plugin alone.
    pub fn of(plugin: &'static str) -> Self {
        Self { only: Some(plugin), ..Self::default() }
    }

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
    fn completed(&self, plugin: &str, _: u64, _: Kind, _: u64, _: bool, _: &str) {
        if self.only.is_some_and(|only| only != plugin) {
            return;
        }
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_one();
    }
    fn writable(&self, _: &str) {}
    fn instance_lost(&self, _: &str) {}
    fn changed(&self, _: &Status) {}
    fn plugin_log(&self, _: &str, _: tracing::Level, _: &str, _: &str) {}
}
