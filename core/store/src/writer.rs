//! The one thread that writes: takes what waits, runs it in one transaction, commits once, and only then
//! hands the jobs back. While one commit is on the disk the next batch fills itself; there is no timer.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use diesel::{SqliteConnection, connection::SimpleConnection};
use tokio::sync::mpsc;

use crate::{
    MAX_BATCH, OpenError, Store, StoreError,
    checkpoint::{self, Checkpointer, WalLimit},
    pragma,
    tx::{Cache, Tx},
};

/// One atomic step: reads, decides and writes inside the writer's transaction.
///
/// A job may be run twice, when another job of its batch failed and the batch was rolled back: it must not
/// keep anything of its first run but what its second run overwrites.
pub trait Job: Send + 'static {
    /// Does the work. An error rolls back this job alone.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    /// Told, before anything else is run, that the transaction of its batch was rolled back: what a run changed
    /// outside of the store is to be as it was after the last commit.
    fn rolled_back(&mut self) {}
    /// Tells whether the files are to be written anew after its commit, so that nothing is left of what was removed.
    /// Such a job is handed back after that; all others wait meanwhile.
    fn scrubs(&self) -> bool {
        false
    }
    /// Told instead of a commit that the work was not kept, or after it that the files could not be written anew.
    fn failed(&mut self, error: JobError);
}

/// Why a job was not kept.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job panicked.
    #[error("a panic: {0}")]
    Panic(String),
}

/// Why a job was not taken. The job comes back.
#[derive(Debug)]
pub enum Refused<J> {
    /// Too many wait.
    Full(J),
    /// The writer has stopped.
    Closed(J),
}

/// What the writer has done since it started.
#[derive(Debug, Default)]
pub struct WriterStats {
    /// Transactions committed.
    pub commits: AtomicU64,
    /// Jobs committed.
    pub jobs: AtomicU64,
    /// Transactions rolled back.
    pub rollbacks: AtomicU64,
}

/// The way to the writer's thread. Clones share it.
pub struct Writer<J> {
    sender: Arc<Mutex<Option<mpsc::Sender<J>>>>,
    fast: mpsc::WeakSender<J>,
    stats: Arc<WriterStats>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl<J> Clone for Writer<J> {
    fn clone(&self) -> Self {
        Self {
            sender: Arc::clone(&self.sender),
            fast: self.fast.clone(),
            stats: Arc::clone(&self.stats),
            threads: Arc::clone(&self.threads),
        }
    }
}

impl<J> fmt::Debug for Writer<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl<J: Job> Writer<J> {
    /// Starts the thread. At most `capacity` jobs wait; `batch` share a commit.
    ///
    /// `on_commit` gets the jobs of each transaction, in order, after it is durable. `on_fatal` is told when
    /// the disk did not keep its word: the process has to stop then, because nothing it says can be trusted.
    pub fn start(
        store: &Store,
        capacity: usize,
        batch: usize,
        on_commit: impl FnMut(Vec<J>) + Send + 'static,
        on_fatal: impl Fn(StoreError) + Send + Clone + 'static,
    ) -> Result<Self, OpenError> {
        let options = &store.options;
        let mut conn = pragma::writer(&options.path, options.synchronous)?;
        let limit = WalLimit(options.wal_limit_bytes);
        let (checkpointer, checkpoint_thread) =
            Checkpointer::start(&options.path, options.synchronous, limit, on_fatal.clone())?;
        let (sender, jobs) = mpsc::channel(capacity);
        let stats = Arc::new(WriterStats::default());
        let mut room = Room {
            cache: Cache::default(),
            checkpointer,
            stats: Arc::clone(&stats),
            on_commit,
            on_fatal,
            batch: batch.clamp(1, MAX_BATCH),
        };
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || room.work(&mut conn, jobs))
            .map_err(|error| OpenError::Io { path: options.path.clone(), error })?;
        Ok(Self {
            fast: sender.downgrade(),
            sender: Arc::new(Mutex::new(Some(sender))),
            stats,
            threads: Arc::new(Mutex::new(vec![thread, checkpoint_thread])),
        })
    }

    /// Puts a job in line; never waits.
    pub fn submit(&self, job: J) -> Result<(), Refused<J>> {
        let Some(sender) = self.fast.upgrade() else { return Err(Refused::Closed(job)) };
        sender.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(job) => Refused::Full(job),
            mpsc::error::TrySendError::Closed(job) => Refused::Closed(job),
        })
    }

    /// Returns what was done so far.
    pub fn stats(&self) -> &WriterStats {
        &self.stats
    }

    /// Takes no more jobs, commits those that wait, copies the log back and ends the threads. Blocks.
    pub fn stop(&self) {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a store thread ended in a panic");
            }
        }
    }
}

struct Room<C, F> {
    cache: Cache,
    checkpointer: Checkpointer,
    stats: Arc<WriterStats>,
    on_commit: C,
    on_fatal: F,
    batch: usize,
}

impl<C, F> Room<C, F> {
    fn work<J: Job>(&mut self, conn: &mut SqliteConnection, mut jobs: mpsc::Receiver<J>)
    where
        C: FnMut(Vec<J>),
        F: Fn(StoreError),
    {
        let mut waiting = Vec::with_capacity(self.batch);
        while jobs.blocking_recv_many(&mut waiting, self.batch) > 0 {
            let batch = std::mem::replace(&mut waiting, Vec::with_capacity(self.batch));
            self.commit(conn, batch);
            if let Err(error) = self.checkpointer.committed(conn) {
                (self.on_fatal)(error);
            }
        }
        if let Err(error) = checkpoint::run(conn, "TRUNCATE") {
            tracing::warn!(%error, "the log was not copied back; the next start does it");
        }
    }

    fn commit<J: Job>(&mut self, conn: &mut SqliteConnection, mut batch: Vec<J>)
    where
        C: FnMut(Vec<J>),
        F: Fn(StoreError),
    {
        fail::fail_point!("store.before_begin");
        let error = match self.transaction(conn, &mut batch) {
            Ok(()) => {
                self.stats.jobs.fetch_add(batch.len() as u64, Ordering::Relaxed);
                let (scrubbing, done): (Vec<J>, Vec<J>) = batch.into_iter().partition(Job::scrubs);
                if !done.is_empty() {
                    (self.on_commit)(done);
                }
                if !scrubbing.is_empty() {
                    self.scrub(conn, scrubbing);
                }
                return;
            }
            Err(error) => error,
        };
        self.stats.rollbacks.fetch_add(1, Ordering::Relaxed);
        self.cache.clear();
        batch.iter_mut().for_each(Job::rolled_back);
        let is_full = matches!(error, JobError::Store(StoreError::Full));
        if is_full || batch.len() == 1 {
            for job in &mut batch {
                job.failed(if is_full { JobError::Store(StoreError::Full) } else { clone(&error) });
            }
            (self.on_commit)(batch);
            return;
        }
        // One of them is at fault; alone, each gets what it deserves.
        for job in batch {
            self.commit(conn, vec![job]);
        }
    }

    /// Writes the database anew, copies the log back and cuts it: freed pages and rests in others hold old words.
    fn scrub<J: Job>(&mut self, conn: &mut SqliteConnection, mut jobs: Vec<J>)
    where
        C: FnMut(Vec<J>),
    {
        fail::fail_point!("store.before_scrub");
        let scrubbed = conn.batch_execute("VACUUM").map_err(StoreError::from).and_then(|()| {
            fail::fail_point!("store.after_vacuum");
            checkpoint::run(conn, "TRUNCATE")
        });
        fail::fail_point!("store.after_scrub");
        let error = match scrubbed {
            Ok(false) => return (self.on_commit)(jobs),
            Ok(true) => StoreError::Busy,
            Err(error) => error,
        };
        let error = JobError::Store(error);
        jobs.iter_mut().for_each(|job| job.failed(clone(&error)));
        (self.on_commit)(jobs);
    }

    fn transaction<J: Job>(&mut self, conn: &mut SqliteConnection, batch: &mut [J]) -> Result<(), JobError>
    where
        F: Fn(StoreError),
    {
        conn.batch_execute("BEGIN IMMEDIATE").map_err(StoreError::from)?;
        for job in batch.iter_mut() {
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut Tx::new(conn, &mut self.cache))));
            let failed = match ran {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => JobError::Store(error),
                Err(panic) => JobError::Panic(panic_text(panic.as_ref())),
            };
            self.roll_back(conn);
            return Err(failed);
        }
        fail::fail_point!("store.before_commit");
        if let Err(error) = conn.batch_execute("COMMIT") {
            let error = StoreError::from(error);
            if !matches!(error, StoreError::Full) {
                // A sync that failed once may succeed the next time without having written anything.
                (self.on_fatal)(error);
                return Err(JobError::Store(StoreError::Closed));
            }
            self.roll_back(conn);
            return Err(JobError::Store(error));
        }
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        fail::fail_point!("store.after_commit");
        Ok(())
    }

    fn roll_back(&mut self, conn: &mut SqliteConnection)
    where
        F: Fn(StoreError),
    {
        // SQLite rolls back by itself on some errors; then there is no transaction left to end.
        if let Err(error) = conn.batch_execute("ROLLBACK")
            && !error.to_string().contains("no transaction is active")
        {
            (self.on_fatal)(StoreError::from(error));
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// diesel's errors cannot be cloned; only one job is left when this is used, so the text is enough.
fn clone(error: &JobError) -> JobError {
    match error {
        JobError::Panic(text) => JobError::Panic(text.clone()),
        JobError::Store(StoreError::Full) => JobError::Store(StoreError::Full),
        JobError::Store(StoreError::Busy) => JobError::Store(StoreError::Busy),
        JobError::Store(StoreError::Damaged { table, what }) => {
            JobError::Store(StoreError::Damaged { table, what: what.clone() })
        }
        JobError::Store(other) => {
            JobError::Store(StoreError::Damaged { table: "transaction", what: other.to_string() })
        }
    }
}
