//! What the writer knows of a session without reading, and how it is read the first time.

use diesel::{dsl::max, prelude::*};
use tieline_model::{
    DeliveryState, Lane, PrincipalId, SessionId,
    session::{budget::Budget, inbox::Inbox},
};

use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{asks, deliveries, events, inbox_cursors, runtimes, sessions},
};

/// What the writer knows of a session without reading.
#[derive(Debug, Clone)]
pub struct Head {
    /// The number under which rows refer to it.
    pub no: i64,
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Whose it is.
    pub owner: PrincipalId,
    /// The session that it was forked from.
    pub parent: Option<SessionId>,
    /// What it and its forks may use.
    pub budget: Option<Budget>,
    /// Whether it takes messages.
    pub is_open: bool,
    /// The epoch of its newest writer.
    pub epoch: u64,
    /// The newest number on its timeline.
    pub event_seq: u64,
    /// Its inbox's numbers.
    pub inbox: Inbox,
    /// Whether an agent program has ever run it.
    pub has_runtime: bool,
    /// Its own open asks.
    pub asks_from: u64,
    /// Open asks that it should answer.
    pub asks_to: u64,
}

/// The stored number of a lane.
pub(crate) fn lane_number(lane: Lane) -> i32 {
    i32::try_from(lane.number()).unwrap_or(i32::MAX)
}

/// Reads a session's head; `None` when there is no such session.
pub fn load_head(conn: &mut SqliteConnection, id: SessionId) -> Result<Option<Head>, StoreError> {
    type Row = (i64, String, String, String, Vec<u8>, i64, Option<i64>, Option<Vec<u8>>, Option<String>, i64);
    let row: Option<Row> = sessions::table
        .filter(sessions::id.eq(id.as_bytes().as_slice()))
        .select((
            sessions::no,
            sessions::title,
            sessions::circle,
            sessions::roles,
            sessions::owner,
            sessions::epoch,
            sessions::closed_at_ms,
            sessions::parent,
            sessions::budget,
            sessions::first_seq,
        ))
        .get_result(conn)
        .optional()?;
    let Some((no, title, circle, roles, owner, epoch, closed_at, parent, budget, first_seq)) = row else {
        return Ok(None);
    };
    let event_seq: Option<i64> =
        events::table.filter(events::session_no.eq(no)).select(max(events::seq)).get_result(conn)?;
    let open = asks::table.filter(asks::state.eq(0));
    let asks_from: i64 = open.filter(asks::asker_no.eq(no)).count().get_result(conn)?;
    let asks_to: i64 = open.filter(asks::addressee_no.eq(no)).count().get_result(conn)?;
    let runs: i64 = runtimes::table.filter(runtimes::session_no.eq(no)).count().get_result(conn)?;
    Ok(Some(Head {
        no,
        id,
        title,
        circle,
        roles: rows::json("sessions", &roles)?,
        owner: rows::principal_id("sessions", &owner)?,
        parent: parent.map(|id| rows::session_id("sessions", &id)).transpose()?,
        budget: budget.map(|budget| rows::json("sessions", &budget)).transpose()?,
        is_open: closed_at.is_none(),
        epoch: unsigned(epoch),
        // All of its events may be gone.
        event_seq: unsigned(event_seq.unwrap_or_default().max(first_seq - 1)),
        inbox: load_inbox(conn, no)?,
        has_runtime: runs > 0,
        asks_from: unsigned(asks_from),
        asks_to: unsigned(asks_to),
    }))
}

/// Reads an inbox's numbers. What is pending is counted beyond the delivered cursor, so it costs as much as waits.
pub(crate) fn load_inbox(conn: &mut SqliteConnection, no: i64) -> Result<Inbox, StoreError> {
    let mut inbox = Inbox::default();
    let cursors: Vec<(i32, i64, i64)> = inbox_cursors::table
        .filter(inbox_cursors::session_no.eq(no))
        .select((inbox_cursors::lane, inbox_cursors::delivered, inbox_cursors::seen))
        .load(conn)?;
    for lane in Lane::ALL {
        let in_lane =
            deliveries::table.filter(deliveries::session_no.eq(no)).filter(deliveries::lane.eq(lane_number(lane)));
        let head: Option<i64> = in_lane.select(max(deliveries::seq)).get_result(conn)?;
        inbox.heads[lane] = unsigned(head.unwrap_or_default());
        if let Some((_, delivered, seen)) = cursors.iter().find(|(number, _, _)| *number == lane_number(lane)) {
            inbox.delivered[lane] = unsigned(*delivered);
            inbox.seen[lane] = unsigned(*seen);
        }
        let pending: Vec<i64> = in_lane
            .filter(deliveries::seq.gt(signed(inbox.delivered[lane])))
            .filter(deliveries::state.le(rows::state_number(DeliveryState::Sent)))
            .select(deliveries::bytes)
            .load(conn)?;
        inbox.pending += pending.len() as u64;
        inbox.pending_bytes += pending.into_iter().map(unsigned).sum::<u64>();
    }
    Ok(inbox)
}
