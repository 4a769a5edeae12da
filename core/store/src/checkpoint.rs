//! Copies the write-ahead log back into the database, in a thread of its own.
//!
//! In the writer it would cost 40 % of the throughput and long tails. The thread checkpoints passively whenever
//! the log has grown; only when it cannot keep up does the writer itself stop and force one.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use diesel::{QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use crate::{OpenError, StoreError, open::Synchronous, pragma};

/// From how many bytes of log on the thread is woken.
const WAKE_BYTES: u64 = 4 << 20;

/// At how many bytes of write-ahead log the writer itself stops to copy it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalLimit(pub u64);

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

/// The writer's end: looks at the log's size after each commit.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    wal: PathBuf,
    limit: WalLimit,
    last: u64,
    wake: SyncSender<()>,
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
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    if let Err(error) = run(&mut conn, "PASSIVE") {
                        on_fatal(error);
                    }
                }
            })
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Ok((Self { wal: wal.into(), limit, last: 0, wake }, thread))
    }

    /// Called by the writer after each commit.
    pub fn committed(&mut self, conn: &mut SqliteConnection) -> Result<(), StoreError> {
        let size = self.wal.metadata().map_or(0, |meta| meta.len());
        if size >= self.limit.0 {
            let is_busy = run(conn, "RESTART")?;
            if !is_busy {
                // The file keeps its length and is written from its start again: truncate it so that the size tells.
                run(conn, "TRUNCATE")?;
            }
            self.last = 0;
        } else if size.saturating_sub(self.last) >= WAKE_BYTES || size < self.last {
            self.last = size;
            if let Err(TrySendError::Disconnected(())) = self.wake.try_send(()) {
                return Err(StoreError::Closed);
            }
        }
        Ok(())
    }
}

/// Runs one checkpoint; true when readers or the writer kept it from finishing.
pub(crate) fn run(conn: &mut SqliteConnection, mode: &str) -> Result<bool, StoreError> {
    fail::fail_point!("store.before_checkpoint");
    let row: Checkpoint = sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(conn)?;
    fail::fail_point!("store.after_checkpoint");
    Ok(row.busy != 0)
}
