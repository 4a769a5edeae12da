//! Timelines, and the lineage that their numbers belong to.

use diesel::prelude::*;
use tieline_model::{Event, EventBody, SessionId, TimestampMs};

use super::Tx;
use crate::{
    StoreError, rows,
    rows::signed,
    schema::{events, meta},
};

/// Reads the lineage id, making one for a new database.
pub(crate) fn log_id(conn: &mut SqliteConnection) -> Result<String, StoreError> {
    random(conn, "log_id")
}

/// Reads what hashes of secrets are keyed with, making it when there is none.
pub(crate) fn redaction_key(conn: &mut SqliteConnection) -> Result<String, StoreError> {
    random(conn, "redaction_key")
}

fn random(conn: &mut SqliteConnection, name: &str) -> Result<String, StoreError> {
    let found: Option<String> = meta::table.find(name).select(meta::value).get_result(conn).optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    let fresh = diesel::sql_query("SELECT lower(hex(randomblob(16))) AS value").get_result::<Random>(conn)?.value;
    diesel::insert_into(meta::table).values((meta::key.eq(name), meta::value.eq(&fresh))).execute(conn)?;
    Ok(fresh)
}

#[derive(QueryableByName)]
struct Random {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Where the largest cursor is kept that was given to an event which may be gone.
const CURSOR: &str = "cursor";

/// Reads the cursor below which none is given out again.
pub(crate) fn kept_cursor(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let found: Option<String> = meta::table.find(CURSOR).select(meta::value).get_result(conn).optional()?;
    let damaged = |_| StoreError::Damaged { table: "meta", what: "the cursor is no whole number".to_owned() };
    found.map_or(Ok(0), |text| text.parse().map_err(damaged))
}

/// Keeps a cursor from being given out again, though its event may go.
pub(crate) fn keep_cursor(conn: &mut SqliteConnection, cursor: i64) -> Result<(), StoreError> {
    diesel::replace_into(meta::table)
        .values((meta::key.eq(CURSOR), meta::value.eq(cursor.to_string())))
        .execute(conn)?;
    Ok(())
}

impl Tx<'_> {
    /// Appends a fact to a session's timeline.
    pub fn append_event(&mut self, id: SessionId, at: TimestampMs, body: EventBody) -> Result<Event, StoreError> {
        let head = self.known(id)?;
        head.event_seq += 1;
        let (no, seq) = (head.no, head.event_seq);
        let counters = self.counters()?;
        counters.cursor += 1;
        let cursor = counters.cursor;
        diesel::insert_into(events::table)
            .values((
                events::cursor.eq(cursor),
                events::session_no.eq(no),
                events::seq.eq(signed(seq)),
                events::at_ms.eq(at.0),
                events::body.eq(rows::to_json(&body)?),
            ))
            .execute(self.conn)?;
        Ok(Event { cursor, session: id, seq, at_ms: at, body })
    }
}
