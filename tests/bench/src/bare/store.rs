//! A bare database with the daemon's schema and settings, which copies its log back by the daemon's rules.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use anyhow::Result;
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, prelude::*, sql_query,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");
/// The daemon's `store.wal_limit_mib`, in pages of the log.
const WAL_LIMIT: i32 = (128 << 20) / 4120;
/// From how many pages on its checkpoint thread is woken, and how many its writer copies itself.
const WAKE: i32 = (8 << 20) / 4120;
const TAIL: i32 = (2 << 20) / 4120;

diesel::table! {
    events (cursor) { cursor -> BigInt, session_no -> BigInt, seq -> BigInt, at_ms -> BigInt, body -> Text, }
}

/// The row of an event.
#[derive(Insertable)]
#[diesel(table_name = events)]
pub struct Event<'a> {
    pub cursor: i64,
    pub session_no: i64,
    pub seq: i64,
    pub at_ms: i64,
    pub body: &'a str,
}

#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    log: i32,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    checkpointed: i32,
}

/// An open database.
pub struct Store {
    conn: SqliteConnection,
    has_copied: Arc<AtomicBool>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Makes one in a folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("bare.db");
        let mut conn = connect(&file)?;
        conn.run_pending_migrations(MIGRATIONS).map_err(|error| anyhow::anyhow!("the migrations: {error}"))?;
        let mut own = connect(&file)?;
        let (wake, woken) = sync_channel(1);
        let has_copied = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&has_copied);
        let thread = std::thread::spawn(move || {
            while woken.recv().is_ok() {
                for _ in 0..2 {
                    // What a busy checkpoint leaves behind, the next one takes.
                    let _ = own.batch_execute("PRAGMA wal_checkpoint(PASSIVE)");
                }
                done.store(true, Ordering::Release);
            }
        });
        Ok(Self { conn, has_copied, wake: Some(wake), thread: Some(thread) })
    }

    /// Writes rows and makes them durable in one commit.
    pub fn commit(&mut self, rows: impl FnOnce(&mut SqliteConnection) -> Result<()>) -> Result<()> {
        self.conn.batch_execute("BEGIN IMMEDIATE")?;
        rows(&mut self.conn)?;
        self.conn.batch_execute("COMMIT")?;
        let log: Log = sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(&mut self.conn)?;
        let pending = log.log - log.checkpointed;
        if log.log >= WAL_LIMIT {
            self.conn.batch_execute("PRAGMA wal_checkpoint(RESTART)")?;
        } else if self.has_copied.swap(false, Ordering::Acquire) && pending <= TAIL {
            self.conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
        } else if pending >= WAKE {
            // Full: it is awake already.
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
        Ok(())
    }
}

impl Event<'_> {
    /// Writes it.
    pub fn insert(&self, conn: &mut SqliteConnection) -> Result<()> {
        diesel::insert_into(events::table).values(self).execute(conn)?;
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the checkpoint thread shows in the figures as a log that only grows; nothing to add here.
            let _ = thread.join();
        }
    }
}

/// Opens the file with the settings of the daemon's writer.
fn connect(file: &Path) -> Result<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = 2; PRAGMA fullfsync = 1;
         PRAGMA checkpoint_fullfsync = 1; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -8192;",
    )?;
    Ok(conn)
}
