//! Steering a schedule: pausing, resuming, running and ending it.

use tieline_model::{
    EventBody, PrincipalId, Refusal, Reply, ScheduleId, Scope, TimestampMs,
    command::ScheduleRef,
    event::ScheduleChange,
    outcome::Code,
    reply::ScheduleRunView,
    schedule::{self, SkipReason, State},
};
use tieline_store::{ScheduleRow, StoreError};

use super::{Decision, Stop};
use crate::{effect::Effect, query::schedules as view, request::Request};

impl Decision<'_, '_> {
    pub(super) fn schedule_pause(&mut self, request: &Request, pause: &ScheduleRef) -> Result<Reply, Stop> {
        let mut row = self.schedule_in_hand(request, pause.schedule, "schedule_pause.schedule")?;
        let plan = row.plan()?;
        match row.standing.state {
            State::Done => return Err(has_ended(row.id, "schedule_pause.schedule").into()),
            State::Paused => {}
            State::Active => {
                self.drop_held(&mut row)?;
                (row.standing.state, row.standing.due, row.standing.reason) = (State::Paused, None, None);
                self.change(&row, ScheduleChange::Paused, Some(request.principal.id))?;
            }
        }
        Ok(Reply::Schedule(view::view(row, plan, view::SHOWN)?))
    }

    pub(super) fn schedule_resume(&mut self, request: &Request, resume: &ScheduleRef) -> Result<Reply, Stop> {
        let mut row = self.schedule_in_hand(request, resume.schedule, "schedule_resume.schedule")?;
        let plan = row.plan()?;
        match row.standing.state {
            State::Done => return Err(has_ended(row.id, "schedule_resume.schedule").into()),
            State::Active => {}
            State::Paused => {
                // The only instant of a schedule is never left out: whoever resumes it wants it.
                let after = if plan.spec.is_once() { row.standing.last } else { row.standing.last.max(self.now) };
                let next = plan.next(after);
                row.standing.state = if next.is_some() { State::Active } else { State::Done };
                (row.standing.next, row.standing.due, row.standing.reason) = (next, next, None);
                row.standing.zone_data = schedule::zone_data_version().to_owned();
                let change = if next.is_some() { ScheduleChange::Resumed } else { ScheduleChange::Done };
                self.change(&row, change, Some(request.principal.id))?;
            }
        }
        Ok(Reply::Schedule(view::view(row, plan, view::SHOWN)?))
    }

    pub(super) fn schedule_run(&mut self, request: &Request, run: &ScheduleRef) -> Result<Reply, Stop> {
        let mut row = self.schedule_in_hand(request, run.schedule, "schedule_run.schedule")?;
        if row.standing.state == State::Done {
            return Err(has_ended(row.id, "schedule_run.schedule").into());
        }
        // An instant of its own: neither one that was dealt with nor the one that comes next.
        let mut nominal = self.now;
        while row.standing.next == Some(nominal) || self.tx.has_run(row.no, nominal)? {
            nominal = TimestampMs(nominal.0 - 1);
        }
        let before = row.standing.state;
        let outcome = self.execute(&mut row, nominal, true)?;
        if row.standing.state == before {
            self.tx.update_schedule(row.no, &row.standing)?;
        } else {
            self.drop_held(&mut row)?;
            self.change(&row, ScheduleChange::Paused, None)?;
        }
        Ok(Reply::ScheduleRun(ScheduleRunView {
            nominal_ms: nominal,
            at_ms: self.now,
            late_ms: self.late_ms(nominal),
            by_hand: true,
            outcome,
        }))
    }

    pub(super) fn schedule_cancel(&mut self, request: &Request, cancel: &ScheduleRef) -> Result<Reply, Stop> {
        let mut row = self.schedule_in_hand(request, cancel.schedule, "schedule_cancel.schedule")?;
        let plan = row.plan()?;
        if row.standing.state != State::Done {
            self.drop_held(&mut row)?;
            let standing = &mut row.standing;
            (standing.state, standing.next, standing.due, standing.reason) = (State::Done, None, None, None);
            self.change(&row, ScheduleChange::Cancelled, Some(request.principal.id))?;
        }
        Ok(Reply::Schedule(view::view(row, plan, view::SHOWN)?))
    }

    /// Writes how a schedule stands now, and that it does.
    pub(super) fn change(
        &mut self,
        row: &ScheduleRow,
        change: ScheduleChange,
        by: Option<PrincipalId>,
    ) -> Result<(), StoreError> {
        self.tx.update_schedule(row.no, &row.standing)?;
        let (nominal_ms, reason) = (row.standing.next, row.standing.reason.clone());
        self.event(row.session, EventBody::ScheduleChanged { schedule: row.id, change, by, reason, nominal_ms })?;
        self.effects.push(Effect::Schedules);
        Ok(())
    }

    /// What is held back is not carried out any more.
    fn drop_held(&mut self, row: &mut ScheduleRow) -> Result<(), StoreError> {
        match row.standing.held.take() {
            Some(held) => self.skip(row, &[(held, SkipReason::Ended)]),
            None => Ok(()),
        }
    }

    /// Finds a schedule that the caller may steer: its own, one of an own session, or any in reach with the scope for it.
    fn schedule_in_hand(&mut self, request: &Request, id: ScheduleId, field: &str) -> Result<ScheduleRow, Stop> {
        let caller = &request.principal;
        let Some(row) = self.tx.schedule(id)? else { return Err(unknown_schedule(id, field).into()) };
        if row.principal == caller.id || self.is_own(row.session, caller)? {
            return Ok(row);
        }
        let circle = self.tx.head(row.session)?.map(|head| head.circle.clone()).unwrap_or_default();
        if !caller.reaches(&circle) {
            return Err(unknown_schedule(id, field).into());
        }
        if caller.may(Scope::SessionManage) {
            return Ok(row);
        }
        let message = format!("the schedule `{id}` belongs to another session");
        Err(Refusal::new(Code::NotYourSession, message).at(field).into())
    }
}

/// The refusal for a schedule that does not exist or that the caller may not know of: the two look the same.
pub(crate) fn unknown_schedule(id: ScheduleId, field: &str) -> Refusal {
    Refusal::new(Code::UnknownSchedule, format!("no schedule `{id}` in reach")).at(field)
}

fn has_ended(id: ScheduleId, field: &str) -> Refusal {
    Refusal::new(Code::TooLate, format!("the schedule `{id}` has ended; nothing is left of it to change")).at(field)
}
