//! What asks need besides an answer: reminders, escalations, the asks that they were escalated to, and replies.

use diesel::{dsl::min, prelude::*};
use tieline_model::{DeliveryState, Lane, Message, MessageId, SessionId, TimestampMs, ask::AskState};

use super::{AskRow, Tx, asks::Stored, lane_number};
use crate::{
    StoreError, rows,
    rows::signed,
    schema::{asks, deliveries, escalations, messages, replies},
};

/// An open ask, as far as reminding is concerned.
#[derive(Debug, Clone)]
pub struct Reminding {
    /// The ask.
    pub row: AskRow,
    /// When its addressee is reminded next.
    pub remind_at: Option<TimestampMs>,
    /// How often it was reminded.
    pub reminded: u32,
    /// Whether the addressee has it.
    pub is_delivered: bool,
}

impl Tx<'_> {
    /// Returns the open asks that a session should answer, with their reminders.
    pub fn reminding(&mut self, id: SessionId) -> Result<Vec<Reminding>, StoreError> {
        let no = self.no(id)?;
        let mut all = Vec::new();
        for row in self.open_asks_to(id)? {
            let (remind_at, reminded): (Option<i64>, i32) =
                asks::table.find(row.message_no).select((asks::remind_at_ms, asks::reminded)).get_result(self.conn)?;
            let state: i32 = deliveries::table
                .find((no, lane_number(Lane::Msg), signed(row.seq)))
                .select(deliveries::state)
                .get_result(self.conn)?;
            all.push(Reminding {
                row,
                remind_at: remind_at.map(TimestampMs),
                reminded: u32::try_from(reminded).unwrap_or_default(),
                is_delivered: matches!(rows::state(state)?, DeliveryState::Delivered | DeliveryState::Seen),
            });
        }
        Ok(all)
    }

    /// Writes when an ask's addressee is reminded next, and how often it was.
    pub fn set_reminding(&mut self, ask_no: i64, at: Option<TimestampMs>, reminded: u32) -> Result<(), StoreError> {
        diesel::update(asks::table.find(ask_no))
            .set((
                asks::remind_at_ms.eq(at.map(|at| at.0)),
                asks::reminded.eq(i32::try_from(reminded).unwrap_or(i32::MAX)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes who is asked at what time when an ask is not answered.
    pub fn insert_escalations(&mut self, ask_no: i64, steps: &[(TimestampMs, SessionId)]) -> Result<(), StoreError> {
        for (step, (at, target)) in (0i64..).zip(steps) {
            diesel::insert_into(escalations::table)
                .values((
                    escalations::ask_no.eq(ask_no),
                    escalations::at_ms.eq(at.0),
                    escalations::step.eq(step),
                    escalations::target.eq(target.as_bytes().as_slice()),
                ))
                .execute(self.conn)?;
        }
        Ok(())
    }

    /// Takes the next step of an ask's escalation that is due.
    pub fn take_escalation(&mut self, ask_no: i64, now: TimestampMs) -> Result<Option<SessionId>, StoreError> {
        let due: Option<(i64, i64, Vec<u8>)> = escalations::table
            .filter(escalations::ask_no.eq(ask_no))
            .filter(escalations::at_ms.le(now.0))
            .order((escalations::at_ms, escalations::step))
            .select((escalations::at_ms, escalations::step, escalations::target))
            .first(self.conn)
            .optional()?;
        let Some((at, step, target)) = due else { return Ok(None) };
        diesel::delete(escalations::table.find((ask_no, at, step))).execute(self.conn)?;
        rows::session_id("escalations", &target).map(Some)
    }

    /// Tells when an ask is escalated next.
    pub fn next_escalation(&mut self, ask_no: i64) -> Result<Option<TimestampMs>, StoreError> {
        let next: Option<i64> = escalations::table
            .filter(escalations::ask_no.eq(ask_no))
            .select(min(escalations::at_ms))
            .get_result(self.conn)?;
        Ok(next.map(TimestampMs))
    }

    /// Notes that an ask was escalated from another.
    pub fn set_ask_parent(&mut self, ask_no: i64, parent_no: i64) -> Result<(), StoreError> {
        diesel::update(asks::table.find(ask_no)).set(asks::parent_no.eq(parent_no)).execute(self.conn)?;
        Ok(())
    }

    /// Returns the open asks of the same question: those that it was escalated to, and the one that it came from.
    pub fn open_relatives(&mut self, row: &AskRow) -> Result<Vec<AskRow>, StoreError> {
        let parent: Option<i64> = asks::table.find(row.message_no).select(asks::parent_no).get_result(self.conn)?;
        let root = parent.unwrap_or(row.message_no);
        let found: Vec<Stored> = asks::table
            .filter(asks::message_no.eq(root).or(asks::parent_no.eq(root)))
            .filter(asks::message_no.ne(row.message_no))
            .filter(asks::state.eq(rows::ask_state_number(AskState::Open)))
            .order(asks::message_no)
            .select(Stored::as_select())
            .load(self.conn)?;
        found.into_iter().map(|row| self.ask_row(row)).collect()
    }

    /// Returns the row of an ask's first asking: its own, or that of the one that it was escalated from.
    pub fn root_of_ask(&mut self, ask_no: i64) -> Result<i64, StoreError> {
        let parent: Option<i64> = asks::table.find(ask_no).select(asks::parent_no).get_result(self.conn)?;
        Ok(parent.unwrap_or(ask_no))
    }

    /// Reads a message by its row.
    pub fn message_at(&mut self, no: i64) -> Result<Message, StoreError> {
        let (body, hash): (String, Vec<u8>) =
            messages::table.find(no).select((messages::body, messages::hash)).get_result(self.conn)?;
        rows::message(&body, &hash)
    }

    /// Reads a message.
    pub fn message(&mut self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let found: Option<(String, Vec<u8>)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::body, messages::hash))
            .get_result(self.conn)
            .optional()?;
        found.map(|(body, hash)| rows::message(&body, &hash)).transpose()
    }

    /// Notes that a message refers to another.
    pub fn insert_reply(&mut self, refers_to: MessageId, message_no: i64) -> Result<(), StoreError> {
        diesel::insert_into(replies::table)
            .values((replies::refers_to.eq(refers_to.as_bytes().as_slice()), replies::message_no.eq(message_no)))
            .execute(self.conn)?;
        Ok(())
    }
}
