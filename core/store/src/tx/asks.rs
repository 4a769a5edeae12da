//! Asks, and the groups that `ask_many` opens.

use diesel::{dsl::max, prelude::*};
use tieline_model::{
    AskGroupId, MessageId, SessionId, TimestampMs,
    ask::{Ask, AskState},
};

use super::{
    Tx,
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{ask_groups, asks},
};

/// An ask with its two sides.
#[derive(Debug, Clone)]
pub struct AskRow {
    /// The message's row.
    pub message_no: i64,
    /// Its id.
    pub id: MessageId,
    /// Both sides and its state.
    pub ask: Ask,
    /// Its number in the addressee's msg lane.
    pub seq: u64,
    /// When an answer is not waited for any longer.
    pub deadline: TimestampMs,
    /// The `ask_many` that opened it.
    pub group_no: Option<i64>,
}

/// The asks of one `ask_many`.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its row.
    pub no: i64,
    /// Its id.
    pub id: AskGroupId,
    /// Who asked.
    pub asker: SessionId,
    /// How many answers are needed.
    pub need: u32,
    /// How many were asked.
    pub total: u32,
    /// How many answered.
    pub answered: u32,
    /// How many are closed, answered or not.
    pub closed: u32,
    /// Whether the asker was told.
    pub resolved: bool,
}

/// What an ask is made of again.
#[derive(Queryable, Selectable)]
#[diesel(table_name = asks)]
pub(super) struct Stored {
    message_no: i64,
    id: Vec<u8>,
    asker_no: i64,
    addressee_no: i64,
    seq: i64,
    state: i32,
    deadline_ms: i64,
    group_no: Option<i64>,
}

impl Tx<'_> {
    /// Writes an open ask. Its addressee is reminded at `remind_at` first.
    pub fn insert_ask(&mut self, row: &AskRow, remind_at: Option<TimestampMs>) -> Result<(), StoreError> {
        let (asker_no, addressee_no) = (self.no(row.ask.asker)?, self.no(row.ask.addressee)?);
        diesel::insert_into(asks::table)
            .values((
                asks::message_no.eq(row.message_no),
                asks::id.eq(row.id.as_bytes().as_slice()),
                asks::asker_no.eq(asker_no),
                asks::addressee_no.eq(addressee_no),
                asks::seq.eq(signed(row.seq)),
                asks::state.eq(rows::ask_state_number(AskState::Open)),
                asks::deadline_ms.eq(row.deadline.0),
                asks::group_no.eq(row.group_no),
                asks::remind_at_ms.eq(remind_at.map(|at| at.0)),
            ))
            .execute(self.conn)?;
        self.known(row.ask.asker)?.asks_from += 1;
        self.known(row.ask.addressee)?.asks_to += 1;
        Ok(())
    }

    /// Returns an ask.
    pub fn ask(&mut self, id: MessageId) -> Result<Option<AskRow>, StoreError> {
        let row = asks::table
            .filter(asks::id.eq(id.as_bytes().as_slice()))
            .select(Stored::as_select())
            .get_result(self.conn)
            .optional()?;
        row.map(|row| self.ask_row(row)).transpose()
    }

    /// Returns the open asks that a session should answer.
    pub fn open_asks_to(&mut self, id: SessionId) -> Result<Vec<AskRow>, StoreError> {
        let no = self.no(id)?;
        let found: Vec<Stored> = asks::table
            .filter(asks::addressee_no.eq(no))
            .filter(asks::state.eq(0))
            .order(asks::message_no)
            .select(Stored::as_select())
            .load(self.conn)?;
        found.into_iter().map(|row| self.ask_row(row)).collect()
    }

    /// Returns the first ask of a group.
    pub fn first_ask_of_group(&mut self, group_no: i64) -> Result<Option<MessageId>, StoreError> {
        let first: Option<Vec<u8>> = asks::table
            .filter(asks::group_no.eq(group_no))
            .order(asks::message_no)
            .select(asks::id)
            .first(self.conn)
            .optional()?;
        first.map(|bytes| rows::message_id("asks", &bytes)).transpose()
    }

    /// Returns the open asks of a group.
    pub fn open_asks_of_group(&mut self, group_no: i64) -> Result<Vec<AskRow>, StoreError> {
        let found: Vec<Stored> = asks::table
            .filter(asks::group_no.eq(group_no))
            .filter(asks::state.eq(0))
            .order(asks::message_no)
            .select(Stored::as_select())
            .load(self.conn)?;
        found.into_iter().map(|row| self.ask_row(row)).collect()
    }

    /// Writes how an ask was closed.
    pub fn close_ask(
        &mut self,
        row: &AskRow,
        state: AskState,
        answer: Option<MessageId>,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let values = [
            Value::Int(i64::from(rows::ask_state_number(state))),
            Value::Bytes(answer.as_ref().map(|id| id.as_bytes().as_slice())),
            Value::Int(at.0),
            Value::Int(row.message_no),
        ];
        let sql = "UPDATE asks SET state = ?, answer = ?, closed_at_ms = ? WHERE message_no = ?";
        Update { sql, values: &values }.execute(self.conn)?;
        let asker = self.known(row.ask.asker)?;
        asker.asks_from = asker.asks_from.saturating_sub(1);
        let addressee = self.known(row.ask.addressee)?;
        addressee.asks_to = addressee.asks_to.saturating_sub(1);
        Ok(())
    }

    /// Writes a group of asks.
    pub fn insert_group(&mut self, id: AskGroupId, asker: SessionId, need: u32, total: u32) -> Result<i64, StoreError> {
        let asker_no = self.no(asker)?;
        let no =
            ask_groups::table.select(max(ask_groups::no)).get_result::<Option<i64>>(self.conn)?.unwrap_or_default() + 1;
        diesel::insert_into(ask_groups::table)
            .values((
                ask_groups::no.eq(no),
                ask_groups::id.eq(id.as_bytes().as_slice()),
                ask_groups::asker_no.eq(asker_no),
                ask_groups::need_all.eq(need == total),
                ask_groups::need.eq(i32::try_from(need).unwrap_or(i32::MAX)),
                ask_groups::total.eq(i32::try_from(total).unwrap_or(i32::MAX)),
                ask_groups::answered.eq(0),
                ask_groups::closed.eq(0),
                ask_groups::resolved.eq(false),
            ))
            .execute(self.conn)?;
        Ok(no)
    }

    /// Returns a group.
    pub fn group(&mut self, no: i64) -> Result<GroupRow, StoreError> {
        type Row = (Vec<u8>, i64, bool, Option<i32>, i32, i32, i32, bool);
        let (id, asker_no, need_all, need, total, answered, closed, resolved): Row = ask_groups::table
            .find(no)
            .select((
                ask_groups::id,
                ask_groups::asker_no,
                ask_groups::need_all,
                ask_groups::need,
                ask_groups::total,
                ask_groups::answered,
                ask_groups::closed,
                ask_groups::resolved,
            ))
            .get_result(self.conn)?;
        let count = |n: i32| u32::try_from(n).unwrap_or_default();
        Ok(GroupRow {
            no,
            id: rows::group_id("ask_groups", &id)?,
            asker: self.session_id(asker_no)?,
            need: count(need.unwrap_or(if need_all { total } else { 1 })),
            total: count(total),
            answered: count(answered),
            closed: count(closed),
            resolved,
        })
    }

    /// Writes a group's counts.
    pub fn update_group(&mut self, row: &GroupRow) -> Result<(), StoreError> {
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        diesel::update(ask_groups::table.find(row.no))
            .set((
                ask_groups::answered.eq(count(row.answered)),
                ask_groups::closed.eq(count(row.closed)),
                ask_groups::resolved.eq(row.resolved),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    pub(super) fn ask_row(&mut self, row: Stored) -> Result<AskRow, StoreError> {
        let ask = Ask {
            asker: self.session_id(row.asker_no)?,
            addressee: self.session_id(row.addressee_no)?,
            state: rows::ask_state(row.state)?,
        };
        Ok(AskRow {
            message_no: row.message_no,
            id: rows::message_id("asks", &row.id)?,
            ask,
            seq: unsigned(row.seq),
            deadline: TimestampMs(row.deadline_ms),
            group_no: row.group_no,
        })
    }
}
