//! Schedules as they are shown.

use tieline_model::{
    Reply, ScheduleId, SessionId,
    command::{ScheduleHistory, ScheduleList, ScheduleRef},
    reply::{ScheduleRuns, ScheduleView, Schedules, Upcoming},
    schedule::{self, Plan, State},
};
use tieline_store::{ScheduleRow, Standing, StoreError};

use super::{Query, limit};
use crate::decide::{Stop, unknown_schedule};

/// How many of the next instants are shown of one schedule.
pub(crate) const SHOWN: usize = 5;
/// How many rows are looked at together.
const ROWS: i64 = 500;

/// Shows a schedule with so many of its next instants.
pub(crate) fn view(row: ScheduleRow, plan: Plan, most: usize) -> Result<ScheduleView, StoreError> {
    Ok(ScheduleView {
        schedule: Some(row.id),
        session: row.session,
        by: row.principal,
        command: Box::new(row.command()?),
        words: schedule::words(&plan.spec),
        next: upcoming(&plan, &row.standing, most),
        plan,
        title: row.title,
        state: row.standing.state,
        reason: row.standing.reason,
        created_at_ms: row.created_at,
        runs: row.standing.runs,
        skipped: row.standing.skipped,
        held_ms: row.standing.held,
    })
}

/// Returns the next instants of a schedule that goes on.
pub(crate) fn upcoming(plan: &Plan, standing: &Standing, most: usize) -> Vec<Upcoming> {
    let left =
        plan.max_runs.map_or(most, |runs| most.min(usize::try_from(runs - standing.runs.min(runs)).unwrap_or(most)));
    let first = standing.next.filter(|_| standing.state == State::Active);
    let zone = plan.spec.zone();
    let shown = |at_ms| Upcoming { at_ms, local: schedule::local(at_ms, zone) };
    plan.upcoming(first, left).into_iter().map(shown).collect()
}

impl Query<'_> {
    pub(super) fn schedule_list(&mut self, list: &ScheduleList) -> Result<Reply, Stop> {
        let limit = limit(list.limit, 100, 500, "schedule_list.limit")? as usize;
        let of = match &list.session {
            Some(address) => Some(self.find(address, "schedule_list.session")?),
            None => None,
        };
        let mut found = Vec::new();
        let mut after = list.after;
        // One more than asked for shows whether there are more.
        while found.len() <= limit {
            let rows = self.reader.schedules(of, after, list.include_done, ROWS)?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let seen = rows.into_iter().filter(|row| self.sees(row));
            found.extend(seen.take(limit + 1 - found.len()).collect::<Vec<_>>());
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|row| row.id).filter(|_| has_more);
        let mut schedules = Vec::with_capacity(found.len());
        for row in found {
            let plan = row.plan()?;
            schedules.push(view(row, plan, 1)?);
        }
        Ok(Reply::Schedules(Schedules { schedules, next }))
    }

    pub(super) fn schedule_get(&mut self, get: &ScheduleRef) -> Result<Reply, Stop> {
        let row = self.schedule_in_reach(get.schedule, "schedule_get.schedule")?;
        let plan = row.plan()?;
        Ok(Reply::Schedule(view(row, plan, SHOWN)?))
    }

    pub(super) fn schedule_history(&mut self, history: &ScheduleHistory) -> Result<Reply, Stop> {
        let limit = limit(history.limit, 100, 500, "schedule_history.limit")? as usize;
        let row = self.schedule_in_reach(history.schedule, "schedule_history.schedule")?;
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut runs = self.reader.schedule_runs(row.no, history.before_ms, most)?;
        let has_more = runs.len() > limit;
        runs.truncate(limit);
        Ok(Reply::ScheduleRuns(ScheduleRuns { schedule: row.id, runs, has_more }))
    }

    fn schedule_in_reach(&mut self, id: ScheduleId, field: &str) -> Result<ScheduleRow, Stop> {
        let row = self.reader.schedule(id)?.filter(|row| self.sees(row));
        Ok(row.ok_or_else(|| unknown_schedule(id, field))?)
    }

    fn sees(&self, row: &ScheduleRow) -> bool {
        row.principal == self.caller.id || self.sees_session(row.session)
    }

    fn sees_session(&self, session: SessionId) -> bool {
        session == self.caller.home
            || self
                .shared
                .directory(|directory| directory.get(session).is_some_and(|entry| self.caller.reaches(&entry.circle)))
    }
}
