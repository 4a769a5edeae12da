//! Reading events: all of them, one session's by its own numbers, several sessions' merged by the cursor.

use diesel::{dsl::max, prelude::*};
use tieline_model::{Event, SessionId, TimestampMs};

use crate::{
    Reader, StoreError, rows,
    rows::{signed, unsigned},
    schema::{events, sessions},
};

/// From which side a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The oldest events with a larger cursor.
    After(i64),
    /// The newest events with a smaller cursor, or the newest of all.
    Before(Option<i64>),
}

type Columns = (events::cursor, events::seq, events::at_ms, events::body);
type Row = (i64, i64, i64, String);

const COLUMNS: Columns = (events::cursor, events::seq, events::at_ms, events::body);

fn event(session: SessionId, (cursor, seq, at, body): Row) -> Result<Event, StoreError> {
    let body = rows::json("events", &body)?;
    Ok(Event { cursor, session, seq: unsigned(seq), at_ms: TimestampMs(at), body })
}

impl Reader {
    /// Reads the events of all sessions after a cursor, in order.
    pub fn events_after(&mut self, cursor: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
        let found: Vec<(Vec<u8>, Row)> = events::table
            .inner_join(sessions::table.on(sessions::no.eq(events::session_no)))
            .filter(events::cursor.gt(cursor))
            .order(events::cursor)
            .limit(limit)
            .select((sessions::id, COLUMNS))
            .load(self.conn()?)?;
        found.into_iter().map(|(session, row)| event(rows::session_id("sessions", &session)?, row)).collect()
    }

    /// Reads a session's timeline after a number.
    pub fn timeline(&mut self, id: SessionId, after: u64, limit: i64) -> Result<Vec<Event>, StoreError> {
        let no = self.session_no(id)?;
        self.later(no, signed(after), limit)?.into_iter().map(|row| event(id, row)).collect()
    }

    /// Reads the timelines of several sessions merged by the cursor, oldest first, at most `limit` events. Takes as long at
    /// any depth.
    pub fn timelines(&mut self, ids: &[SessionId], side: Side, limit: usize) -> Result<Vec<Event>, StoreError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut merged = Vec::new();
        for &id in ids {
            let no = self.session_no(id)?;
            let found = match side {
                Side::After(cursor) => {
                    let after = self.seq_through(no, cursor)?;
                    self.later(no, after, most)?
                }
                Side::Before(cursor) => {
                    let through = match cursor {
                        Some(cursor) => self.seq_through(no, cursor.saturating_sub(1))?,
                        None => i64::MAX,
                    };
                    self.earlier(no, through, most)?
                }
            };
            merged.extend(found.into_iter().map(|row| (id, row)));
        }
        merged.sort_unstable_by_key(|(_, (cursor, ..))| *cursor);
        match side {
            Side::After(_) => merged.truncate(limit),
            Side::Before(_) => drop(merged.drain(..merged.len().saturating_sub(limit))),
        }
        merged.into_iter().map(|(id, row)| event(id, row)).collect()
    }

    /// Finds the last number of a session whose event has no larger cursor. Both grow together, so halving finds it: an index
    /// from session to cursor would cost every commit a page.
    fn seq_through(&mut self, no: i64, cursor: i64) -> Result<i64, StoreError> {
        let of_session = events::table.filter(events::session_no.eq(no));
        let last: Option<i64> = of_session.select(max(events::seq)).get_result(self.conn()?)?;
        let (mut low, mut high) = (0, last.unwrap_or_default());
        while low < high {
            let middle = low + (high - low + 1) / 2;
            let found: Option<(i64, i64)> = events::table
                .filter(events::session_no.eq(no))
                .filter(events::seq.ge(middle))
                .order(events::seq)
                .select((events::seq, events::cursor))
                .first(self.conn()?)
                .optional()?;
            match found {
                Some((seq, at)) if at <= cursor => low = seq,
                _ => high = middle - 1,
            }
        }
        Ok(low)
    }

    fn later(&mut self, no: i64, after: i64, limit: i64) -> Result<Vec<Row>, StoreError> {
        let rows = events::table.filter(events::session_no.eq(no)).filter(events::seq.gt(after)).order(events::seq);
        Ok(rows.limit(limit).select(COLUMNS).load(self.conn()?)?)
    }

    fn earlier(&mut self, no: i64, through: i64, limit: i64) -> Result<Vec<Row>, StoreError> {
        let rows = events::table.filter(events::session_no.eq(no)).filter(events::seq.le(through));
        Ok(rows.order(events::seq.desc()).limit(limit).select(COLUMNS).load(self.conn()?)?)
    }
}
