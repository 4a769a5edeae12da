//! Follows the events and indexes them in bulk, woken by commits and never in their way.
//!
//! Its pauses are in real time on purpose: nothing that is promised depends on when it works.

use std::{sync::Arc, time::Duration};

use tieline_search::{Index, IndexError, SearchError};
use tieline_store::Readers;

use super::{Pooled, Signal};

/// So many events are indexed in one step.
const BATCH: usize = 8_192;
/// After a step that was not full, more come together for so long: many small steps cost many times as much.
const GATHER: Duration = Duration::from_millis(50);
/// How long it waits after something went wrong.
const RETRY: Duration = Duration::from_secs(10);
/// How often a long run is told of, in events.
const TOLD_EVERY: usize = 500_000;

/// What works on the index.
pub struct Indexer {
    /// The index.
    pub index: Arc<Index>,
    /// Where events are read.
    pub readers: Readers,
    /// What wakes it.
    pub signal: Arc<Signal>,
}

impl Indexer {
    /// Works until it is told to end. An index that was kept is looked at first.
    pub fn run(self, is_kept: bool) {
        if is_kept && let Err(error) = self.index.check() {
            self.mend(&error);
        }
        // What was committed before there was anybody to wake.
        self.signal.wake();
        let mut done = 0;
        while self.signal.wait() {
            match self.index.advance(&mut Pooled(&self.readers), BATCH) {
                Ok(0) => {
                    if done >= TOLD_EVERY {
                        tracing::info!(through = self.index.through(), count = done, "all events are indexed");
                    }
                    done = 0;
                }
                Ok(count) => {
                    if done / TOLD_EVERY != (done + count) / TOLD_EVERY {
                        tracing::info!(through = self.index.through(), "events are indexed");
                    }
                    done += count;
                    // There may be more.
                    self.signal.wake();
                    if count < BATCH {
                        self.signal.pause(GATHER);
                    }
                }
                Err(error) => {
                    match error {
                        SearchError::Index(error) => self.mend(&error),
                        SearchError::Source(error) => tracing::error!(%error, "events cannot be indexed for now"),
                    }
                    self.signal.wake();
                    self.signal.pause(RETRY);
                }
            }
        }
    }

    /// Begins anew when the index is damaged; otherwise it is tried again.
    fn mend(&self, error: &IndexError) {
        match error {
            // It is tried again after the next step.
            IndexError::Damaged(what) => drop(rebuild(&self.index, what)),
            IndexError::Full => tracing::warn!("the disk is full; events are not indexed for now"),
            other => tracing::error!(error = %other, "events cannot be indexed for now"),
        }
    }
}

/// Throws a damaged index away.
pub fn rebuild(index: &Index, why: &str) -> Result<(), IndexError> {
    tracing::warn!(%why, "the search index is made anew");
    index.rebuild().inspect_err(|error| tracing::error!(%error, "the search index cannot be made anew"))
}
