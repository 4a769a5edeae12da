//! What a removal has to know before it begins, and what a reader of events may have missed.

use std::collections::HashSet;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Integer, Nullable},
};
use tieline_model::{DeliveryState, JobId, MessageId, SessionId, TimestampMs, event::Gap};

use crate::{
    Reader, StoreError, rows,
    rows::{signed, unsigned},
    schema::{purges, sessions},
};

/// How many events are looked at between two turns of other readers.
const PAGE: i64 = 10_000;

/// What would be removed of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// The number of the oldest event that is kept now.
    pub first: u64,
    /// The number of the newest event.
    pub newest: u64,
    /// The newest message of all.
    pub newest_message: i64,
}

/// Something that would be removed, and is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// This ask is open.
    Ask(MessageId),
    /// This message waits in that session's inbox.
    Message(MessageId, SessionId),
    /// This job has not ended.
    Job(JobId),
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    session: Vec<u8>,
}

#[derive(QueryableByName)]
struct NamedRow {
    #[diesel(sql_type = Nullable<Integer>)]
    delivery: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    ask: Option<i32>,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

#[derive(QueryableByName)]
struct NamingRow {
    #[diesel(sql_type = BigInt)]
    cursor: i64,
    #[diesel(sql_type = Nullable<diesel::sql_types::Text>)]
    message: Option<String>,
}

impl Reader {
    /// Lists the sessions of which something is still to be removed.
    pub fn purges(&mut self) -> Result<Vec<SessionId>, StoreError> {
        let found: Vec<Vec<u8>> = purges::table
            .inner_join(sessions::table.on(sessions::no.eq(purges::session_no)))
            .select(sessions::id)
            .load(self.conn()?)?;
        found.iter().map(|id| rows::session_id("sessions", id)).collect()
    }

    /// Reads between which numbers a session's events are.
    pub fn scope(&mut self, id: SessionId) -> Result<Scope, StoreError> {
        let no = self.session_no(id)?;
        let first: i64 = sessions::table.find(no).select(sessions::first_seq).get_result(self.conn()?)?;
        let newest = self.number("SELECT max(seq) AS number FROM events WHERE session_no = ? AND seq > ?", no, 0)?;
        let newest_message = self.number("SELECT max(no) AS number FROM messages WHERE no > ? AND no > ?", 0, 0)?;
        Ok(Scope {
            first: unsigned(first),
            newest: unsigned(newest.unwrap_or(first - 1)),
            newest_message: newest_message.unwrap_or_default(),
        })
    }

    /// Returns the number of the last of a session's events that are all older than an instant; 0 when there is none.
    pub fn seq_before(&mut self, id: SessionId, at: TimestampMs) -> Result<u64, StoreError> {
        let no = self.session_no(id)?;
        let sql = "SELECT seq AS number FROM events WHERE session_no = ? AND at_ms >= ? ORDER BY seq LIMIT 1";
        let after = self.number(sql, no, at.0)?;
        match after {
            Some(seq) => Ok(unsigned(seq - 1)),
            None => Ok(self.scope(id)?.newest),
        }
    }

    /// Returns when the event after a number was recorded: what was sent before belongs to the events through it.
    pub fn recorded_after(&mut self, id: SessionId, seq: u64) -> Result<Option<TimestampMs>, StoreError> {
        let no = self.session_no(id)?;
        let sql = "SELECT at_ms AS number FROM events WHERE session_no = ? AND seq > ? ORDER BY seq LIMIT 1";
        Ok(self.number(sql, no, signed(seq))?.map(TimestampMs))
    }

    /// Finds something that is needed of what a session would lose: of what was sent to it or from it before an instant, and of
    /// what its events through a number name. What waits in its own inbox does not count when it `is_closed`: nobody will
    /// fetch that.
    pub fn needed(
        &mut self,
        id: SessionId,
        (through, before): (u64, TimestampMs),
        is_closed: bool,
    ) -> Result<Option<Needed>, StoreError> {
        let no = self.session_no(id)?;
        let open: Option<IdRow> = diesel::sql_query(
            "SELECT asks.id FROM asks JOIN messages ON messages.no = asks.message_no WHERE asks.state = 0 \
             AND (asks.asker_no = ?1 OR asks.addressee_no = ?1) AND (messages.body ->> '$.sent_at_ms') < ?2 LIMIT 1",
        )
        .bind::<BigInt, _>(no)
        .bind::<BigInt, _>(before.0)
        .get_result(self.conn()?)
        .optional()?;
        if let Some(row) = open {
            return Ok(Some(Needed::Ask(rows::message_id("asks", &row.id)?)));
        }
        let waiting: Option<PlaceRow> = diesel::sql_query(
            "SELECT messages.id, sessions.id AS session FROM deliveries \
             JOIN messages ON messages.no = deliveries.message_no JOIN sessions ON sessions.no = deliveries.session_no \
             WHERE deliveries.state <= ?1 AND deliveries.accepted_at_ms < ?2 \
             AND (messages.from_no = ?3 OR deliveries.session_no = ?3) \
             AND NOT (deliveries.session_no = ?3 AND ?4) LIMIT 1",
        )
        .bind::<BigInt, _>(i64::from(rows::state_number(DeliveryState::Sent)))
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(no)
        .bind::<Bool, _>(is_closed)
        .get_result(self.conn()?)
        .optional()?;
        if let Some(row) = waiting {
            let message = rows::message_id("messages", &row.id)?;
            return Ok(Some(Needed::Message(message, rows::session_id("sessions", &row.session)?)));
        }
        self.needed_by_events(id, no, (through, before))
    }

    /// Finds a job for a session, or given by it, that has not ended.
    pub fn needed_job(&mut self, id: SessionId) -> Result<Option<Needed>, StoreError> {
        let no = self.session_no(id)?;
        let sql = "SELECT id FROM jobs WHERE ? IN (session_no, from_no) AND ended_at_ms IS NULL LIMIT 1";
        let open: Option<IdRow> = diesel::sql_query(sql).bind::<BigInt, _>(no).get_result(self.conn()?).optional()?;
        open.map(|row| Ok(Needed::Job(rows::job_id("jobs", &row.id)?))).transpose()
    }

    /// Looks at the events through a number that are no older than an instant, though the one after them may be of the same.
    fn needed_by_events(
        &mut self,
        id: SessionId,
        no: i64,
        (through, since): (u64, TimestampMs),
    ) -> Result<Option<Needed>, StoreError> {
        let found: Vec<NamedRow> = diesel::sql_query(
            "SELECT deliveries.state AS delivery, asks.state AS ask, messages.id FROM events \
             JOIN messages ON messages.id = unhex(substr(coalesce(events.body ->> '$.message_accepted.message', \
             events.body ->> '$.ask_opened.ask'), 5)) \
             LEFT JOIN deliveries ON deliveries.message_no = messages.no AND deliveries.session_no = events.session_no \
             AND deliveries.seq = (events.body ->> '$.message_accepted.seq') \
             LEFT JOIN asks ON asks.message_no = messages.no \
             WHERE events.session_no = ?1 AND events.seq <= ?2 AND events.seq > coalesce((SELECT seq FROM events \
             WHERE session_no = ?1 AND seq <= ?2 AND at_ms < ?3 ORDER BY seq DESC LIMIT 1), 0)",
        )
        .bind::<BigInt, _>(no)
        .bind::<BigInt, _>(signed(through))
        .bind::<BigInt, _>(since.0)
        .load(self.conn()?)?;
        for row in found {
            let message = rows::message_id("messages", &row.id)?;
            if row.ask == Some(0) {
                return Ok(Some(Needed::Ask(message)));
            }
            if row.delivery.is_some_and(|state| state <= rows::state_number(DeliveryState::Sent)) {
                return Ok(Some(Needed::Message(message, id)));
            }
        }
        Ok(None)
    }

    /// Finds events that tell of messages, among those after a cursor. Returns their cursors, and from where to go on.
    pub fn naming(&mut self, messages: &HashSet<MessageId>, after: i64) -> Result<(Vec<i64>, Option<i64>), StoreError> {
        let found: Vec<NamingRow> = diesel::sql_query(
            "SELECT cursor, CASE WHEN body LIKE '{\"message_accepted\"%' THEN body ->> '$.message_accepted.message' END \
             AS message FROM events WHERE cursor > ? ORDER BY cursor LIMIT ?",
        )
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(PAGE)
        .load(self.conn()?)?;
        let next = found.last().map(|row| row.cursor);
        let is_named = |row: &NamingRow| {
            let id = row.message.as_deref().and_then(|text| text.parse::<MessageId>().ok());
            id.is_some_and(|id| messages.contains(&id))
        };
        Ok((found.iter().filter(|row| is_named(row)).map(|row| row.cursor).collect(), next))
    }

    /// Lists the sessions of which events after a cursor were removed.
    pub fn gaps(&mut self, after: i64) -> Result<Vec<Gap>, StoreError> {
        let found: Vec<(Vec<u8>, i64, Option<i64>)> = sessions::table
            .filter(sessions::purged_cursor.gt(after))
            .order(sessions::no)
            .select((sessions::id, sessions::first_seq, sessions::purged_cursor))
            .load(self.conn()?)?;
        found
            .into_iter()
            .map(|(id, first, cursor)| {
                let session = rows::session_id("sessions", &id)?;
                Ok(Gap { session, first_seq: unsigned(first), through_cursor: cursor.unwrap_or_default() })
            })
            .collect()
    }

    fn number(&mut self, sql: &'static str, first: i64, second: i64) -> Result<Option<i64>, StoreError> {
        let query = diesel::sql_query(sql).bind::<BigInt, _>(first).bind::<BigInt, _>(second);
        let row: Option<NumberRow> = query.get_result(self.conn()?).optional()?;
        Ok(row.and_then(|row| row.number))
    }
}
