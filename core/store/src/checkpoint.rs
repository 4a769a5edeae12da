//! Copies the write-ahead log back into the database, in a thread of its own.
//!
//! In the writer it would cost 40 % of the throughput and long tails. The thread copies the bulk beside the writer;
//! what the writer has added meanwhile is little, and the writer copies that itself. Then all is copied, and the next
//! commit begins the log from its start again: the log stays small, and is written over instead of growing, which
//! makes each sync cheaper. Only when the thread cannot keep up does the writer stop for all of it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use diesel::{QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use crate::{OpenError, StoreError, open::Synchronous, pragma};

/// From how many bytes on that are not copied the thread is woken.
const WAKE_BYTES: u64 = 8 << 20;
/// The most that the writer copies itself, unless it is forced to.
const TAIL_BYTES: u64 = 2 << 20;
/// A page of the log with its header (<https://sqlite.org/fileformat2.html#walformat>).
const FRAME_BYTES: u64 = 4096 + 24;

/// At how many bytes of write-ahead log the writer itself stops to copy it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalLimit(pub u64);

/// The state of the log, as each checkpoint tells it.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub(crate) struct Log {
    /// Not 0 when readers or the writer kept it from finishing.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
    /// Pages in the log.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    log: i32,
    /// Those of them that are in the database.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    checkpointed: i32,
}

impl Log {
    fn bytes(self) -> u64 {
        u64::try_from(self.log).unwrap_or_default() * FRAME_BYTES
    }

    fn pending(self) -> u64 {
        u64::try_from(self.log - self.checkpointed).unwrap_or_default() * FRAME_BYTES
    }
}

/// The writer's end: looks at the log after each commit.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    limit: WalLimit,
    wake: SyncSender<()>,
    /// The thread has copied what there was.
    has_copied: Arc<AtomicBool>,
}

impl Checkpointer {
    /// Starts the thread. It ends when the returned end is dropped. `on_fatal` is told of a failed sync.
    pub fn start(
        path: &Path,
        synchronous: Synchronous,
        limit: WalLimit,
        on_fatal: impl Fn(StoreError) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>), OpenError> {
        let mut conn = pragma::writer(path, synchronous)?;
        let (wake, woken): (SyncSender<()>, Receiver<()>) = sync_channel(1);
        let has_copied = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&has_copied);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // The second pass copies what came during the first, and so leaves the writer less.
                    for _ in 0..2 {
                        if let Err(error) = run(&mut conn, "PASSIVE") {
                            on_fatal(error);
                        }
                    }
                    done.store(true, Ordering::Release);
                }
            })
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        Ok((Self { limit, wake, has_copied }, thread))
    }

    /// Called by the writer after each commit.
    pub fn committed(&mut self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        let log = state(conn)?;
        if log.bytes() >= self.limit.0 {
            run(conn, "RESTART")?;
        } else if self.has_copied.swap(false, Ordering::Acquire) && log.pending() <= TAIL_BYTES {
            run(conn, "PASSIVE")?;
        } else if log.pending() >= WAKE_BYTES
            && let Err(TrySendError::Disconnected(())) = self.wake.try_send(())
        {
            return Err(StoreError::Closed);
        }
        Ok(())
    }
}

/// Looks at the log without copying anything.
fn state(conn: &mut SqliteConnection) -> Result<Log, StoreError> {
    Ok(sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(conn)?)
}

/// Runs one checkpoint; true when readers or the writer kept it from finishing.
pub(crate) fn run(conn: &mut SqliteConnection, mode: &str) -> Result<bool, StoreError> {
    fail::fail_point!("store.before_checkpoint");
    let log: Log = sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(conn)?;
    fail::fail_point!("store.after_checkpoint");
    Ok(log.busy != 0)
}
