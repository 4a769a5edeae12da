//! Messages, their deliveries, and the cursors of those who receive them.

use diesel::prelude::*;
use tieline_model::{DeliveryState, Lane, Message, MessageId, MessageKind, SessionId, TimestampMs};

use super::{
    Tx, lane_number,
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{deliveries, inbox_cursors, messages},
};

/// A delivery to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery {
    /// The message's row.
    pub message_no: i64,
    /// In which lane.
    pub lane: Lane,
    /// Bytes of its text, for the quota.
    pub bytes: u64,
    /// When it was accepted.
    pub accepted_at: TimestampMs,
    /// When it stops being worth delivering.
    pub expires_at: TimestampMs,
}

/// A delivery that is still somebody's business.
#[derive(Debug, Clone)]
pub struct PendingRow {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far it has come.
    pub state: DeliveryState,
    /// Bytes of its text.
    pub bytes: u64,
    /// When it stops being worth delivering.
    pub expires_at: TimestampMs,
    /// The message's id.
    pub message: MessageId,
    /// What it is for.
    pub kind: MessageKind,
    /// The session that it is from.
    pub from: SessionId,
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The session that it is from.
    pub from: SessionId,
    /// In which lane.
    pub lane: Lane,
    /// To which sessions, under which numbers.
    pub recipients: Vec<(SessionId, u64)>,
}

impl Tx<'_> {
    /// Writes a message with the places of its deliveries; returns its row number and its stored JSON.
    ///
    /// The numbers must be those that [`Self::insert_delivery`] will give: see [`Self::next_seq`].
    pub fn insert_message(
        &mut self,
        message: &Message,
        recipients: &[(SessionId, u64)],
    ) -> Result<(i64, String), StoreError> {
        let from_no = self.no(message.from.session)?;
        let mut places = Vec::with_capacity(recipients.len());
        for (session, seq) in recipients {
            places.push((self.no(*session)?, *seq));
        }
        let counters = self.counters()?;
        counters.message_no += 1;
        let no = counters.message_no;
        let body = rows::to_json(message)?;
        diesel::insert_into(messages::table)
            .values((
                messages::no.eq(no),
                messages::id.eq(message.id.as_bytes().as_slice()),
                messages::kind.eq(rows::kind_number(message.kind)),
                messages::from_no.eq(from_no),
                messages::body.eq(&body),
                messages::hash.eq(blake3::hash(body.as_bytes()).as_bytes().as_slice()),
                messages::recipients.eq(rows::to_json(&places)?),
            ))
            .execute(self.conn)?;
        Ok((no, body))
    }

    /// Returns the number that the next delivery in `lane` will get.
    pub fn next_seq(&mut self, id: SessionId, lane: Lane) -> Result<u64, StoreError> {
        Ok(self.known(id)?.inbox.heads[lane] + 1)
    }

    /// Puts a message into a session's inbox; returns its number there.
    pub fn insert_delivery(&mut self, id: SessionId, new: &NewDelivery) -> Result<u64, StoreError> {
        let head = self.known(id)?;
        let seq = head.inbox.append(new.lane, new.bytes);
        let no = head.no;
        diesel::insert_into(deliveries::table)
            .values((
                deliveries::session_no.eq(no),
                deliveries::lane.eq(lane_number(new.lane)),
                deliveries::seq.eq(signed(seq)),
                deliveries::message_no.eq(new.message_no),
                deliveries::state.eq(rows::state_number(DeliveryState::Accepted)),
                deliveries::bytes.eq(signed(new.bytes)),
                deliveries::attempt.eq(0),
                deliveries::accepted_at_ms.eq(new.accepted_at.0),
                deliveries::expires_at_ms.eq(new.expires_at.0),
            ))
            .execute(self.conn)?;
        Ok(seq)
    }

    /// Reads the deliveries `first..=last` of a lane, with what a decision needs of their messages.
    pub fn deliveries(
        &mut self,
        id: SessionId,
        lane: Lane,
        first: u64,
        last: u64,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let no = self.no(id)?;
        type Row = (i64, i32, i64, i64, Vec<u8>, i32, i64);
        let found: Vec<Row> = deliveries::table
            .inner_join(messages::table)
            .filter(deliveries::session_no.eq(no))
            .filter(deliveries::lane.eq(lane_number(lane)))
            .filter(deliveries::seq.ge(signed(first)))
            .filter(deliveries::seq.le(signed(last)))
            .order(deliveries::seq)
            .select((
                deliveries::seq,
                deliveries::state,
                deliveries::bytes,
                deliveries::expires_at_ms,
                messages::id,
                messages::kind,
                messages::from_no,
            ))
            .load(self.conn)?;
        found
            .into_iter()
            .map(|(seq, state, bytes, expires, message, kind, from)| {
                Ok(PendingRow {
                    lane,
                    seq: unsigned(seq),
                    state: rows::state(state)?,
                    bytes: unsigned(bytes),
                    expires_at: TimestampMs(expires),
                    message: rows::message_id("messages", &message)?,
                    kind: rows::kind(kind)?,
                    from: self.session_id(from)?,
                })
            })
            .collect()
    }

    /// Moves `first..=last` of a lane on to delivered or seen, leaving alone what is there or ended. `epoch` is that of the
    /// writer who says so; `None` when the record of an agent program shows it.
    pub fn progress(
        &mut self,
        id: SessionId,
        lane: Lane,
        (first, last): (u64, u64),
        to: DeliveryState,
        epoch: Option<u64>,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let sql = match to {
            DeliveryState::Delivered => {
                "UPDATE deliveries SET state = ?, epoch = NULLIF(?, -1), delivered_at_ms = ? \
                 WHERE session_no = ? AND lane = ? AND seq >= ? AND seq <= ? AND state < ?"
            }
            _ => {
                "UPDATE deliveries SET state = ?, epoch = NULLIF(?, -1), seen_at_ms = ? \
                 WHERE session_no = ? AND lane = ? AND seq >= ? AND seq <= ? AND state < ?"
            }
        };
        let state = i64::from(rows::state_number(to));
        let row = [no, i64::from(lane_number(lane)), signed(first), signed(last), state];
        let values = [state, epoch.map_or(-1, signed), at.0].into_iter().chain(row).map(Value::Int);
        Update { sql, values: &values.collect::<Vec<_>>() }.execute(self.conn)?;
        Ok(())
    }

    /// Writes how one delivery ended, and takes it out of the pending ones when it was one.
    pub fn end_delivery(
        &mut self,
        id: SessionId,
        row: &PendingRow,
        to: DeliveryState,
        reason: Option<&str>,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.no(id)?;
        let sql = "UPDATE deliveries SET state = ?, ended_at_ms = ?, reason = ? \
                   WHERE session_no = ? AND lane = ? AND seq = ?";
        let values = [
            Value::Int(i64::from(rows::state_number(to))),
            Value::Int(at.0),
            Value::Text(reason),
            Value::Int(no),
            Value::Int(i64::from(lane_number(row.lane))),
            Value::Int(signed(row.seq)),
        ];
        Update { sql, values: &values }.execute(self.conn)?;
        if tieline_model::delivery::is_pending(row.state) {
            self.known(id)?.inbox.settle(1, row.bytes);
        }
        Ok(())
    }

    /// Writes a lane's cursors as the head has them.
    pub fn save_cursors(&mut self, id: SessionId, lane: Lane) -> Result<(), StoreError> {
        let head = self.known(id)?;
        let (no, delivered, seen) = (head.no, signed(head.inbox.delivered[lane]), signed(head.inbox.seen[lane]));
        diesel::replace_into(inbox_cursors::table)
            .values((
                inbox_cursors::session_no.eq(no),
                inbox_cursors::lane.eq(lane_number(lane)),
                inbox_cursors::delivered.eq(delivered),
                inbox_cursors::seen.eq(seen),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns a message's sender and where its deliveries are.
    pub fn places(&mut self, id: MessageId) -> Result<Option<Places>, StoreError> {
        let row: Option<(i64, i32, String)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::from_no, messages::kind, messages::recipients))
            .get_result(self.conn)
            .optional()?;
        let Some((from, kind, recipients)) = row else { return Ok(None) };
        let places: Vec<(i64, u64)> = rows::json("messages", &recipients)?;
        let places = places
            .into_iter()
            .map(|(no, seq)| Ok((self.session_id(no)?, seq)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(Places { from: self.session_id(from)?, lane: rows::kind(kind)?.lane(), recipients: places }))
    }
}
