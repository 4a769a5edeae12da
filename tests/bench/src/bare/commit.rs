//! The ceiling of durable messages: a bare diesel loop that commits in groups.
//!
//! It writes the rows that the daemon writes for a message, of the same size, with the same statements, into the same
//! schema with the same indexes and settings, and copies the log back by the same rules. There is nothing else: one
//! thread, no deciding, no JSON, no hashing, nobody who waits.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use diesel::{RunQueryDsl, SqliteConnection, prelude::*};
use tieline_model::{
    EventBody, Lane, Message, MessageId, MessageKind, PrincipalId, PrincipalKind, SessionId, TimestampMs,
    message::Sender,
};
use uuid::Uuid;

use super::store::{Event, Store};
use crate::latency::Latencies;

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

/// What the next rows are called.
struct Rows {
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
    let (mut store, mut rows) = (Store::open(folder)?, Rows::new(inboxes, text_bytes)?);
    let (mut count, mut started, mut is_warm) = (0, Instant::now(), false);
    loop {
        store.commit(|conn| (0..batch).try_for_each(|_| rows.message(conn, 1)))?;
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
    let (mut store, mut rows) = (Store::open(folder)?, Rows::new(inboxes, text_bytes)?);
    let mut latencies = Latencies::default();
    for _ in 0..repeats {
        let started = Instant::now();
        store.commit(|conn| rows.message(conn, inboxes))?;
        latencies.add(started.elapsed());
    }
    Ok(latencies.percentiles([50.0])[0])
}

impl Rows {
    fn new(inboxes: usize, text_bytes: usize) -> Result<Self> {
        let (body, event) = templates(text_bytes)?;
        Ok(Self { body, event, bytes: i64::try_from(text_bytes)?, next: 0, cursor: 0, seqs: vec![0; inboxes] })
    }

    /// Writes one message into the next `recipients` inboxes.
    fn message(&mut self, conn: &mut SqliteConnection, recipients: usize) -> Result<()> {
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
            .execute(conn)?;
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
                .execute(conn)?;
            let (cursor, body) = (self.cursor, self.event.with(id));
            Event { cursor, session_no, seq, at_ms: NOW_MS, body }.insert(conn)?;
        }
        Ok(())
    }
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
