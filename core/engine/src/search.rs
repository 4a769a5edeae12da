//! The index of events by their words, and the thread that keeps it up to date.

mod documents;
mod indexer;
mod signal;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use tieline_search::{Forget, Index, IndexError, Opened};
use tieline_store::Store;

use documents::Pooled;
pub(crate) use documents::{Documents, role};
use indexer::Indexer;
use signal::{Order, Signal};

/// Finds events by their words. Soft state: what is in it can be made again from the events.
#[derive(Debug)]
pub struct Search {
    index: Option<Arc<Index>>,
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Search {
    /// Opens the index beside the store and starts to follow the events. Without an index, because the file system refuses it,
    /// the daemon runs and does not search.
    pub(crate) fn open(store: &Store) -> Self {
        let path = store.path().with_file_name("search.db");
        let signal = Arc::new(Signal::default());
        let newest = store.readers().take().last_cursor().map_err(|error| error.to_string());
        let opened =
            newest.and_then(|newest| Index::open(&path, store.log_id(), newest).map_err(|error| error.to_string()));
        let (index, opened) = match opened {
            Ok((index, opened)) => (Arc::new(index), opened),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "there is no search index; nothing can be searched");
                return Self { index: None, signal, thread: Mutex::default() };
            }
        };
        match &opened {
            Opened::Kept => tracing::debug!(through = index.through(), "the search index is there"),
            Opened::Made => tracing::info!("a search index is made"),
            Opened::Rebuilt(why) => tracing::warn!(%why, "the search index was of no use and is made anew"),
        }
        let indexer =
            Indexer { index: Arc::clone(&index), readers: store.readers().clone(), signal: Arc::clone(&signal) };
        let is_kept = opened == Opened::Kept;
        let thread = std::thread::Builder::new().name("indexer".into()).spawn(move || indexer.run(is_kept));
        if let Err(error) = &thread {
            tracing::error!(%error, "events are not indexed, for there is no thread");
        }
        Self { index: Some(index), signal, thread: Mutex::new(thread.ok()) }
    }

    /// Returns the index; there is none when it could not be opened.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_deref()
    }

    /// Returns how many events up to a cursor are not indexed.
    pub fn behind(&self, newest: i64) -> u64 {
        let through = self.index.as_ref().map_or(0, |index| index.through());
        u64::try_from(newest.saturating_sub(through)).unwrap_or_default()
    }

    /// Says that something was committed. Costs the writer next to nothing.
    pub(crate) fn committed(&self) {
        self.signal.wake();
    }

    /// Holds the indexer after its step, or lets it go on. Events are found all the same, more slowly.
    pub fn hold(&self, is_held: bool) {
        self.signal.give(if is_held { Order::Hold } else { Order::Go });
    }

    /// Forgets events that were removed from the store, so that no trace of their words is left. Call it after the commit that
    /// removed them: what is indexed is read from there. Blocks, for as long as it takes to write the index anew.
    ///
    /// # Errors
    /// Says why not; what was removed from the store is not found all the same.
    pub fn forget(&self, what: &Forget) -> Result<usize, IndexError> {
        self.index.as_ref().map_or(Ok(0), |index| index.forget(what))
    }

    /// Throws the index away and has it made anew.
    ///
    /// # Errors
    /// Says why not; the log has it, too.
    pub(crate) fn rebuild(&self, why: &str) -> Result<(), IndexError> {
        let Some(index) = &self.index else { return Ok(()) };
        indexer::rebuild(index, why)?;
        self.signal.wake();
        Ok(())
    }

    /// Ends the indexer after its step. Blocks until then.
    pub(crate) fn stop(&self) {
        self.signal.give(Order::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the indexer ended in a panic");
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        // Without waiting: an engine that is stopped in order has waited before.
        self.signal.give(Order::Stop);
    }
}
