//! Schedules, and which of them are due.

use std::collections::HashSet;

use diesel::{
    dsl::{count_star, min},
    prelude::*,
};
use tieline_model::{
    Command, MessageId, PrincipalId, ScheduleId, SessionId, TimestampMs,
    schedule::{Plan, State},
};

use super::{
    Tx,
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::schedules,
};

/// A schedule before it has its row.
#[derive(Debug, Clone)]
pub struct NewSchedule<'a> {
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub session: SessionId,
    /// On whose behalf its command is given.
    pub principal: PrincipalId,
    /// What people call it.
    pub title: Option<&'a str>,
    /// The command.
    pub command: &'a Command,
    /// Its instants, limits and policies.
    pub plan: &'a Plan,
    /// When it was made.
    pub created_at: TimestampMs,
}

/// How far a schedule has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether it goes on.
    pub state: State,
    /// Why it does not, when it was not asked to stop.
    pub reason: Option<String>,
    /// The newest instant that was dealt with; at first its creation.
    pub last: TimestampMs,
    /// The instant after it.
    pub next: Option<TimestampMs>,
    /// One that is held back until an ask is closed.
    pub held: Option<TimestampMs>,
    /// When somebody has to look at it.
    pub due: Option<TimestampMs>,
    /// The newest ask that it has opened.
    pub waits_for: Option<MessageId>,
    /// How many instants were carried out or refused.
    pub runs: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// The version of the time zone data by which `next` was found.
    pub zone_data: String,
}

/// A schedule as it is stored.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    /// Its row.
    pub no: i64,
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub session: SessionId,
    /// On whose behalf its command is given.
    pub principal: PrincipalId,
    /// What people call it.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: TimestampMs,
    /// How far it has come.
    pub standing: Standing,
    command: String,
    plan: String,
}

impl ScheduleRow {
    /// Reads the command.
    pub fn command(&self) -> Result<Command, StoreError> {
        rows::json("schedules", &self.command)
    }

    /// Reads the plan.
    pub fn plan(&self) -> Result<Plan, StoreError> {
        rows::json("schedules", &self.plan)
    }
}

/// What a row is made of again; everybody else reads [`ScheduleRow`].
#[derive(Queryable, Selectable)]
#[diesel(table_name = schedules)]
pub(crate) struct Stored {
    no: i64,
    id: Vec<u8>,
    pub session_no: i64,
    principal: Vec<u8>,
    title: Option<String>,
    command: String,
    plan: String,
    created_at_ms: i64,
    state: i32,
    reason: Option<String>,
    last_ms: i64,
    next_ms: Option<i64>,
    held_ms: Option<i64>,
    due_ms: Option<i64>,
    waits_for: Option<Vec<u8>>,
    runs: i64,
    skipped: i64,
    zone_data: String,
}

impl Stored {
    pub fn into_row(self, session: SessionId) -> Result<ScheduleRow, StoreError> {
        Ok(ScheduleRow {
            no: self.no,
            id: rows::schedule_id("schedules", &self.id)?,
            session,
            principal: rows::principal_id("schedules", &self.principal)?,
            title: self.title,
            created_at: TimestampMs(self.created_at_ms),
            standing: Standing {
                state: rows::schedule_state(self.state)?,
                reason: self.reason,
                last: TimestampMs(self.last_ms),
                next: self.next_ms.map(TimestampMs),
                held: self.held_ms.map(TimestampMs),
                due: self.due_ms.map(TimestampMs),
                waits_for: self.waits_for.map(|bytes| rows::message_id("schedules", &bytes)).transpose()?,
                runs: unsigned(self.runs),
                skipped: unsigned(self.skipped),
                zone_data: self.zone_data,
            },
            command: self.command,
            plan: self.plan,
        })
    }
}

impl Tx<'_> {
    /// Writes a new schedule.
    pub fn insert_schedule(&mut self, new: &NewSchedule<'_>, standing: &Standing) -> Result<(), StoreError> {
        let session_no = self.no(new.session)?;
        diesel::insert_into(schedules::table)
            .values((
                schedules::id.eq(new.id.as_bytes().as_slice()),
                schedules::session_no.eq(session_no),
                schedules::principal.eq(new.principal.as_bytes().as_slice()),
                schedules::title.eq(new.title),
                schedules::command.eq(rows::to_json(new.command)?),
                schedules::plan.eq(rows::to_json(new.plan)?),
                schedules::created_at_ms.eq(new.created_at.0),
                schedules::state.eq(rows::schedule_state_number(standing.state)),
                schedules::last_ms.eq(standing.last.0),
                schedules::next_ms.eq(standing.next.map(|at| at.0)),
                schedules::due_ms.eq(standing.due.map(|at| at.0)),
                schedules::runs.eq(0),
                schedules::skipped.eq(0),
                schedules::zone_data.eq(&standing.zone_data),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes how far a schedule has come.
    pub fn update_schedule(&mut self, no: i64, standing: &Standing) -> Result<(), StoreError> {
        let waits_for = standing.waits_for.as_ref();
        if let (Some(ask), Some(_)) = (waits_for, standing.held) {
            self.waited_for()?.insert(*ask);
        }
        let values = [
            Value::Int(i64::from(rows::schedule_state_number(standing.state))),
            Value::Text(standing.reason.as_deref()),
            Value::Int(standing.last.0),
            Value::MaybeInt(standing.next.map(|at| at.0)),
            Value::MaybeInt(standing.held.map(|at| at.0)),
            Value::MaybeInt(standing.due.map(|at| at.0)),
            Value::Bytes(waits_for.map(|id| id.as_bytes().as_slice())),
            Value::Int(signed(standing.runs)),
            Value::Int(signed(standing.skipped)),
            Value::Text(Some(&standing.zone_data)),
            Value::Int(no),
        ];
        let sql = "UPDATE schedules SET state = ?, reason = ?, last_ms = ?, next_ms = ?, held_ms = ?, due_ms = ?, \
                   waits_for = ?, runs = ?, skipped = ?, zone_data = ? WHERE no = ?";
        Update { sql, values: &values }.execute(self.conn)?;
        Ok(())
    }

    /// Returns a schedule.
    pub fn schedule(&mut self, id: ScheduleId) -> Result<Option<ScheduleRow>, StoreError> {
        let found: Option<Stored> = schedules::table
            .filter(schedules::id.eq(id.as_bytes().as_slice()))
            .select(Stored::as_select())
            .get_result(self.conn)
            .optional()?;
        Ok(self.schedule_rows(found.into_iter().collect())?.pop())
    }

    /// Returns the schedules that are due at an instant, the longest waiting first.
    pub fn due_schedules(&mut self, now: TimestampMs, limit: i64) -> Result<Vec<ScheduleRow>, StoreError> {
        let found = schedules::table
            .filter(schedules::due_ms.le(now.0))
            .order((schedules::due_ms, schedules::no))
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.schedule_rows(found)
    }

    /// Returns the schedules that go on and whose next instant was found by other time zone data.
    pub fn stale_schedules(&mut self, zone_data: &str, limit: i64) -> Result<Vec<ScheduleRow>, StoreError> {
        let found = schedules::table
            .filter(schedules::due_ms.is_not_null())
            .filter(schedules::zone_data.ne(zone_data))
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.schedule_rows(found)
    }

    /// Returns the schedules that hold back an instant until this ask is closed.
    pub fn schedules_waiting_for(&mut self, ask: MessageId) -> Result<Vec<ScheduleRow>, StoreError> {
        if !self.waited_for()?.remove(&ask) {
            return Ok(Vec::new());
        }
        let found = schedules::table
            .filter(schedules::waits_for.eq(ask.as_bytes().as_slice()))
            .filter(schedules::held_ms.is_not_null())
            .select(Stored::as_select())
            .load(self.conn)?;
        self.schedule_rows(found)
    }

    /// Tells whether some schedule may hold back an instant.
    pub fn is_any_ask_waited_for(&mut self) -> Result<bool, StoreError> {
        Ok(!self.waited_for()?.is_empty())
    }

    /// Counts the schedules of a session that have not ended.
    pub fn count_schedules(&mut self, session: SessionId) -> Result<u64, StoreError> {
        let no = self.no(session)?;
        let of_session = schedules::table.filter(schedules::session_no.eq(no));
        let going = of_session.filter(schedules::state.lt(rows::schedule_state_number(State::Done)));
        Ok(unsigned(going.select(count_star()).get_result(self.conn)?))
    }

    /// The asks that are waited for. Held here, because every ask that closes asks for it.
    fn waited_for(&mut self) -> Result<&mut HashSet<MessageId>, StoreError> {
        if self.cache.waited_for.is_none() {
            let found: Vec<Option<Vec<u8>>> = schedules::table
                .filter(schedules::held_ms.is_not_null())
                .select(schedules::waits_for)
                .load(self.conn)?;
            let asks = found.iter().flatten().map(|bytes| rows::message_id("schedules", bytes));
            self.cache.waited_for = Some(asks.collect::<Result<_, _>>()?);
        }
        Ok(self.cache.waited_for.get_or_insert_default())
    }

    fn schedule_rows(&mut self, found: Vec<Stored>) -> Result<Vec<ScheduleRow>, StoreError> {
        found
            .into_iter()
            .map(|stored| {
                let session = self.session_id(stored.session_no)?;
                stored.into_row(session)
            })
            .collect()
    }
}

pub(crate) fn next_due(conn: &mut SqliteConnection) -> Result<Option<TimestampMs>, StoreError> {
    // Said twice, so that the index over what is due serves.
    let due = schedules::table.filter(schedules::due_ms.is_not_null());
    let at: Option<i64> = due.select(min(schedules::due_ms)).get_result(conn)?;
    Ok(at.map(TimestampMs))
}
