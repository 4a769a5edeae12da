//! What became of the instants of schedules: one row for each, and never two.

use diesel::prelude::*;
use tieline_model::{TimestampMs, schedule::RunOutcome};

use super::Tx;
use crate::{StoreError, rows, schema::schedule_runs};

impl Tx<'_> {
    /// Writes what became of an instant.
    pub fn insert_run(
        &mut self,
        schedule_no: i64,
        nominal: TimestampMs,
        at: TimestampMs,
        by_hand: bool,
        outcome: &RunOutcome,
    ) -> Result<(), StoreError> {
        diesel::insert_into(schedule_runs::table)
            .values((
                schedule_runs::schedule_no.eq(schedule_no),
                schedule_runs::nominal_ms.eq(nominal.0),
                schedule_runs::at_ms.eq(at.0),
                schedule_runs::by_hand.eq(by_hand),
                schedule_runs::outcome.eq(rows::to_json(outcome)?),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Tells whether an instant was dealt with.
    pub fn has_run(&mut self, schedule_no: i64, nominal: TimestampMs) -> Result<bool, StoreError> {
        let row = schedule_runs::table.find((schedule_no, nominal.0)).select(schedule_runs::nominal_ms);
        Ok(row.get_result::<i64>(self.conn).optional()?.is_some())
    }

    /// Forgets what became of the instants of a schedule before this one.
    pub fn forget_runs(&mut self, schedule_no: i64, before: TimestampMs) -> Result<(), StoreError> {
        let old = schedule_runs::table
            .filter(schedule_runs::schedule_no.eq(schedule_no))
            .filter(schedule_runs::nominal_ms.lt(before.0));
        diesel::delete(old).execute(self.conn)?;
        Ok(())
    }
}
