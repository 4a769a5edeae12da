//! What is read of schedules beside the writer.

use diesel::prelude::*;
use tieline_model::{ScheduleId, SessionId, TimestampMs, reply::ScheduleRunView, schedule::State};

use crate::{
    Reader, ScheduleRow, StoreError, rows,
    schema::{schedule_runs, schedules, sessions},
    tx::{StoredSchedule, next_due},
};

impl Reader {
    /// Returns when the next schedule is due.
    pub fn next_due_schedule(&mut self) -> Result<Option<TimestampMs>, StoreError> {
        next_due(self.conn()?)
    }

    /// Tells whether the next instant of some schedule was found by other time zone data.
    pub fn has_stale_schedules(&mut self, zone_data: &str) -> Result<bool, StoreError> {
        let stale = schedules::table.filter(schedules::due_ms.is_not_null()).filter(schedules::zone_data.ne(zone_data));
        Ok(diesel::select(diesel::dsl::exists(stale)).get_result(self.conn()?)?)
    }

    /// Reads a schedule.
    pub fn schedule(&mut self, id: ScheduleId) -> Result<Option<ScheduleRow>, StoreError> {
        let found: Option<(StoredSchedule, Vec<u8>)> = schedules::table
            .inner_join(sessions::table.on(sessions::no.eq(schedules::session_no)))
            .filter(schedules::id.eq(id.as_bytes().as_slice()))
            .select((StoredSchedule::as_select(), sessions::id))
            .get_result(self.conn()?)
            .optional()?;
        found.map(|(stored, session)| stored.into_row(rows::session_id("sessions", &session)?)).transpose()
    }

    /// Reads schedules in the order in which they were made, after one, of one session or all.
    pub fn schedules(
        &mut self,
        of: Option<SessionId>,
        after: Option<ScheduleId>,
        include_done: bool,
        limit: i64,
    ) -> Result<Vec<ScheduleRow>, StoreError> {
        let mut query = schedules::table
            .inner_join(sessions::table.on(sessions::no.eq(schedules::session_no)))
            .select((StoredSchedule::as_select(), sessions::id))
            .order(schedules::id)
            .limit(limit)
            .into_boxed();
        if let Some(session) = &of {
            query = query.filter(sessions::id.eq(session.as_bytes().as_slice()));
        }
        if let Some(after) = &after {
            query = query.filter(schedules::id.gt(after.as_bytes().as_slice()));
        }
        if !include_done {
            query = query.filter(schedules::state.lt(rows::schedule_state_number(State::Done)));
        }
        let found: Vec<(StoredSchedule, Vec<u8>)> = query.load(self.conn()?)?;
        found.into_iter().map(|(stored, session)| stored.into_row(rows::session_id("sessions", &session)?)).collect()
    }

    /// Reads what became of the instants of a schedule before this one, newest first.
    pub fn schedule_runs(
        &mut self,
        schedule_no: i64,
        before: Option<TimestampMs>,
        limit: i64,
    ) -> Result<Vec<ScheduleRunView>, StoreError> {
        let found: Vec<(i64, i64, bool, String)> = schedule_runs::table
            .filter(schedule_runs::schedule_no.eq(schedule_no))
            .filter(schedule_runs::nominal_ms.lt(before.map_or(i64::MAX, |at| at.0)))
            .order(schedule_runs::nominal_ms.desc())
            .limit(limit)
            .select((schedule_runs::nominal_ms, schedule_runs::at_ms, schedule_runs::by_hand, schedule_runs::outcome))
            .load(self.conn()?)?;
        found
            .into_iter()
            .map(|(nominal, at, by_hand, outcome)| {
                Ok(ScheduleRunView {
                    nominal_ms: TimestampMs(nominal),
                    at_ms: TimestampMs(at),
                    late_ms: rows::unsigned(at - nominal),
                    by_hand,
                    outcome: rows::json("schedule_runs", &outcome)?,
                })
            })
            .collect()
    }
}
