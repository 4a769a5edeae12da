//! The ceiling of durable messages: a bare diesel loop that commits in groups.
//!
//! It writes the rows that the daemon writes for a message, of the same size, with the same statements, into the same
//! schema with the same indexes and settings, and copies the log back by the same rules. There is nothing else: one
//! thread, no deciding, no JSON, no hashing, nobody who waits.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, prelude::*, sql_query,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tieline_model::{
    EventBody, Lane, Message, MessageId, MessageKind, PrincipalId, PrincipalKind, SessionId, TimestampMs,
    message::Sender,
};
use uuid::Uuid;

use crate::latency::Latencies;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");
/// The daemon's `store.wal_limit_mib`, in pages of the log.
const WAL_LIMIT: i32 = (128 << 20) / 4120;
/// From how many pages on its checkpoint thread is woken, and how many its writer copies itself.
const WAKE: i32 = (8 << 20) / 4120;
const TAIL: i32 = (2 << 20) / 4120;
const NOW_MS: i64 = 1_800_000_000_000;

diesel::table! {
    messages (no) {
        no -> BigInt, id -> Binary, kind -> Integer, from_no -> BigInt, body -> Text, hash -> Binary,
        recipients -> Text,
    }
}

diesel::table! {
    deliveries (session_no, lane, seq) {
        session_no -> BigInt, lane -> Integer, seq -> BigInt, message_no -> BigInt, state -> Integer,
        bytes -> BigInt, attempt -> Integer, accepted_at_ms -> BigInt, expires_at_ms -> BigInt,
    }
}

diesel::table! {
    events (cursor) { cursor -> BigInt, session_no -> BigInt, seq -> BigInt, at_ms -> BigInt, body -> Text, }
}

#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    log: i32,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    checkpointed: i32,
}

/// A text with a message id somewhere in it, which is replaced row by row.
struct Template {
    text: String,
    at: usize,
}

impl Template {
    fn new(text: String) -> Result<Self> {
        let at = text.find("msg_").context("no message id in the template")?;
        Ok(Self { text, at })
    }

    fn with(&mut self, id: Uuid) -> &str {
        let mut digits = [0; 32];
        let digits = id.simple().encode_lower(&mut digits);
        self.text.replace_range(self.at + 4..self.at + 36, digits);
        &self.text
    }
}

/// An open database and what its next rows are called.
struct Loop {
    conn: SqliteConnection,
    has_copied: Arc<AtomicBool>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    body: Template,
    event: Template,
    bytes: i64,
    next: i64,
    cursor: i64,
    /// The newest number of each inbox.
    seqs: Vec<i64>,
}

/// Returns how many messages per second the loop makes durable, in commits of `batch`, over so many inboxes.
pub fn messages_per_second(
    folder: &Path,
    inboxes: usize,
    batch: usize,
    text_bytes: usize,
    time: Duration,
) -> Result<f64> {
    let mut bare = Loop::open(folder, inboxes, text_bytes)?;
    let (mut count, mut started, mut is_warm) = (0, Instant::now(), false);
    loop {
        bare.commit(|bare| (0..batch).try_for_each(|_| bare.message(1)))?;
        count += batch;
        if !is_warm && started.elapsed() >= time / 5 {
            (count, started, is_warm) = (0, Instant::now(), true);
        } else if is_warm && started.elapsed() >= time {
            return Ok(count as f64 / started.elapsed().as_secs_f64());
        }
    }
}

/// Returns how long it takes to commit one message to so many inboxes: the median, in milliseconds.
pub fn broadcast_ms(folder: &Path, inboxes: usize, text_bytes: usize, repeats: usize) -> Result<f64> {
    let mut bare = Loop::open(folder, inboxes, text_bytes)?;
    let mut latencies = Latencies::default();
    for _ in 0..repeats {
        let started = Instant::now();
        bare.commit(|bare| bare.message(inboxes))?;
        latencies.add(started.elapsed());
    }
    Ok(latencies.percentiles([50.0])[0])
}

impl Loop {
    fn open(folder: &Path, inboxes: usize, text_bytes: usize) -> Result<Self> {
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
        let (body, event) = templates(text_bytes)?;
        Ok(Self {
            conn,
            has_copied,
            wake: Some(wake),
            thread: Some(thread),
            body,
            event,
            bytes: i64::try_from(text_bytes)?,
            next: 0,
            cursor: 0,
            seqs: vec![0; inboxes],
        })
    }

    fn commit(&mut self, rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.conn.batch_execute("BEGIN IMMEDIATE")?;
        rows(self)?;
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

    /// Writes one message into the next `recipients` inboxes.
    fn message(&mut self, recipients: usize) -> Result<()> {
        self.next += 1;
        let no = self.next;
        let id = Uuid::from_u128((0x0197_c3f0_a1b2_7c3d << 64) | u128::try_from(no)?);
        let first = usize::try_from(no)? * recipients;
        let places: Vec<usize> = (0..recipients).map(|n| (first + n) % self.seqs.len()).collect();
        let numbers: Vec<(usize, i64)> = places.iter().map(|at| (*at, self.seqs[*at] + 1)).collect();
        diesel::insert_into(messages::table)
            .values((
                messages::no.eq(no),
                messages::id.eq(id.as_bytes().as_slice()),
                messages::kind.eq(2),
                messages::from_no.eq(1),
                messages::body.eq(self.body.with(id)),
                messages::hash.eq([7_u8; 32].as_slice()),
                messages::recipients.eq(serde_json::to_string(&numbers)?),
            ))
            .execute(&mut self.conn)?;
        for at in places {
            self.seqs[at] += 1;
            self.cursor += 1;
            let (session_no, seq) = (i64::try_from(at)?, self.seqs[at]);
            diesel::insert_into(deliveries::table)
                .values((
                    deliveries::session_no.eq(session_no),
                    deliveries::lane.eq(1),
                    deliveries::seq.eq(seq),
                    deliveries::message_no.eq(no),
                    deliveries::state.eq(0),
                    deliveries::bytes.eq(self.bytes),
                    deliveries::attempt.eq(0),
                    deliveries::accepted_at_ms.eq(NOW_MS),
                    deliveries::expires_at_ms.eq(NOW_MS + 604_800_000),
                ))
                .execute(&mut self.conn)?;
            diesel::insert_into(events::table)
                .values((
                    events::cursor.eq(self.cursor),
                    events::session_no.eq(session_no),
                    events::seq.eq(seq),
                    events::at_ms.eq(NOW_MS),
                    events::body.eq(self.event.with(id)),
                ))
                .execute(&mut self.conn)?;
        }
        Ok(())
    }
}

impl Drop for Loop {
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

/// Makes what the daemon would store of a message and of its event.
fn templates(text_bytes: usize) -> Result<(Template, Template)> {
    let (session, message) = (SessionId::from_uuid(Uuid::max()), MessageId::from_uuid(Uuid::max()));
    let body = Message {
        id: message,
        kind: MessageKind::Notify,
        from: Sender {
            session,
            title: "main-1".to_owned(),
            principal: PrincipalId::from_uuid(Uuid::max()),
            kind: PrincipalKind::Human,
        },
        thread: None,
        group: None,
        reply_to: None,
        text: Some("x".repeat(text_bytes)),
        notice: None,
        late: false,
        declined: false,
        urgency: None,
        supersedes: None,
        hops: 0,
        reminds_of: Vec::new(),
        wake: None,
        order: None,
        purged: false,
        tells: None,
        sent_at_ms: TimestampMs(NOW_MS),
        expires_at_ms: Some(TimestampMs(NOW_MS)),
    };
    let event =
        EventBody::MessageAccepted { message, kind: MessageKind::Notify, from: session, lane: Lane::Msg, seq: 100_000 };
    Ok((Template::new(serde_json::to_string(&body)?)?, Template::new(serde_json::to_string(&event)?)?))
}
