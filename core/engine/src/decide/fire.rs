//! What is done when schedules are due: their instants, what becomes of each, and the next one, in one transaction.

use std::sync::atomic::Ordering;

use tieline_model::{
    EventBody, MessageId, TimestampMs,
    ask::AskState,
    event::ScheduleChange,
    schedule::{self, Overlap, Plan, RunOutcome, SkipReason, State, settle},
};
use tieline_store::{AskRow, ScheduleRow, StoreError};

use super::Decision;
use crate::{effect::Effect, shared::Shared};

/// How many schedules one transaction deals with. What is left over is due at once.
const BATCH: i64 = 512;
/// After how many failures in a row the longest waiting schedule is at fault.
const FAILURES: u32 = 2;
/// How long it is known what became of an instant.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// After how many runs the old ones are forgotten.
const FORGET_EVERY: u64 = 64;

/// Told when nothing was fired because something of ours went wrong. It is tried again at once, with fewer, and then only
/// when the calendar looks again.
pub(crate) fn failed(shared: &Shared) {
    if shared.fires_failed.fetch_add(1, Ordering::Relaxed) < FAILURES {
        shared.schedules.send_modify(|changes| *changes += 1);
    }
}

impl Decision<'_, '_> {
    /// Deals with the schedules that are due now.
    pub(crate) fn fire(&mut self) -> Result<(), StoreError> {
        let failed = self.shared.fires_failed.load(Ordering::Relaxed);
        // One of them is at fault; alone, each gets what it deserves.
        let most = if failed == 0 { BATCH } else { 1 };
        for mut row in self.tx.due_schedules(self.now, most)? {
            if failed >= FAILURES {
                self.pause_for(&mut row, "it cannot be fired; the daemon's log tells why".to_owned())?;
                continue;
            }
            fail::fail_point!("schedule.before_run");
            self.fire_one(row)?;
            fail::fail_point!("schedule.after_run");
        }
        self.shared.fires_failed.store(0, Ordering::Relaxed);
        self.effects.push(Effect::Schedules);
        Ok(())
    }

    /// Finds the next instants anew that were found by other time zone data.
    pub(crate) fn rezone(&mut self) -> Result<(), StoreError> {
        for mut row in self.tx.stale_schedules(schedule::zone_data_version(), BATCH)? {
            if let Ok(plan) = row.plan() {
                rezone_one(&mut row, &plan);
            }
            row.standing.zone_data = schedule::zone_data_version().to_owned();
            self.tx.update_schedule(row.no, &row.standing)?;
        }
        self.effects.push(Effect::Schedules);
        Ok(())
    }

    /// An ask was closed: what was held back until then is due.
    pub(super) fn release_held(&mut self, ask: &AskRow) -> Result<(), StoreError> {
        if !self.tx.is_any_ask_waited_for()? {
            return Ok(());
        }
        let waited_for = match ask.group_no {
            None => Some(ask.id),
            // The asks of a group are one question.
            Some(group_no) if self.tx.open_asks_of_group(group_no)?.is_empty() => {
                self.tx.first_ask_of_group(group_no)?
            }
            Some(_) => None,
        };
        let Some(waited_for) = waited_for else { return Ok(()) };
        for mut row in self.tx.schedules_waiting_for(waited_for)? {
            if row.standing.state == State::Active {
                row.standing.due = Some(self.now);
                self.tx.update_schedule(row.no, &row.standing)?;
                self.effects.push(Effect::Schedules);
            }
        }
        Ok(())
    }

    fn fire_one(&mut self, mut row: ScheduleRow) -> Result<(), StoreError> {
        let plan = match row.plan() {
            Ok(plan) => plan,
            Err(error) => return self.pause_for(&mut row, format!("its plan cannot be read: {error}")),
        };
        rezone_one(&mut row, &plan);
        if let Some(held) = row.standing.held
            && !self.is_open_question(row.standing.waits_for)?
        {
            row.standing.held = None;
            self.execute(&mut row, held, false)?;
            self.count(&mut row, &plan);
        }
        if row.standing.state == State::Active
            && let Some(next) = row.standing.next.filter(|next| *next <= self.now)
        {
            self.catch_up(&mut row, &plan, next)?;
        }
        self.go_on(&mut row)
    }

    fn catch_up(&mut self, row: &mut ScheduleRow, plan: &Plan, next: TimestampMs) -> Result<(), StoreError> {
        let catch = settle(plan, next, self.now);
        let newest = catch.skipped.iter().map(|(at, _)| *at).chain(catch.due.iter().copied()).max();
        row.standing.last = row.standing.last.max(newest.unwrap_or(next));
        row.standing.next = catch.next;
        self.skip(row, &catch.skipped)?;
        for at in catch.due {
            assert!(at <= self.now, "an instant of {} is not due yet", row.id);
            if row.standing.state != State::Active {
                self.skip(row, &[(at, SkipReason::Ended)])?;
            } else if plan.overlap == Overlap::Allow || !self.is_open_question(row.standing.waits_for)? {
                self.execute(row, at, false)?;
                self.count(row, plan);
            } else if plan.overlap == Overlap::BufferOne && row.standing.held.is_none() {
                row.standing.held = Some(at);
            } else {
                self.skip(row, &[(at, SkipReason::Overlap)])?;
            }
        }
        Ok(())
    }

    /// Counts a run that was due; the last one ends the schedule.
    fn count(&mut self, row: &mut ScheduleRow, plan: &Plan) {
        let standing = &mut row.standing;
        standing.runs += 1;
        if standing.state == State::Active && plan.max_runs.is_some_and(|most| standing.runs >= most) {
            (standing.state, standing.next) = (State::Done, None);
        }
    }

    /// Writes how a schedule stands after its instants were dealt with.
    fn go_on(&mut self, row: &mut ScheduleRow) -> Result<(), StoreError> {
        let standing = &mut row.standing;
        if standing.state == State::Active && standing.next.is_none() && standing.held.is_none() {
            standing.state = State::Done;
        }
        standing.due = standing.next.filter(|_| standing.state == State::Active);
        if standing.state != State::Active
            && let Some(held) = standing.held.take()
        {
            self.skip(row, &[(held, SkipReason::Ended)])?;
        }
        if row.standing.runs > 0 && row.standing.runs.is_multiple_of(FORGET_EVERY) {
            self.tx.forget_runs(row.no, TimestampMs(self.now.0 - KEPT_MS))?;
        }
        match row.standing.state {
            State::Active => self.tx.update_schedule(row.no, &row.standing),
            State::Paused => self.change(row, ScheduleChange::Paused, None),
            State::Done => self.change(row, ScheduleChange::Done, None),
        }
    }

    fn pause_for(&mut self, row: &mut ScheduleRow, reason: String) -> Result<(), StoreError> {
        (row.standing.state, row.standing.due, row.standing.reason) = (State::Paused, None, Some(reason));
        self.change(row, ScheduleChange::Paused, None)
    }

    /// Writes that instants were skipped.
    pub(super) fn skip(
        &mut self,
        row: &mut ScheduleRow,
        skipped: &[(TimestampMs, SkipReason)],
    ) -> Result<(), StoreError> {
        for (at, reason) in skipped {
            let outcome = RunOutcome::Skipped { reason: *reason };
            self.tx.insert_run(row.no, *at, self.now, false, &outcome)?;
            self.shared.metrics.schedule(&outcome, 1);
        }
        row.standing.skipped += skipped.len() as u64;
        for same in skipped.chunk_by(|one, other| one.1 == other.1) {
            let (Some((first, reason)), Some((last, _))) = (same.first(), same.last()) else { continue };
            let event = EventBody::ScheduleMissed {
                schedule: row.id,
                nominal_ms: *first,
                last_ms: *last,
                late_ms: self.late_ms(*first),
                count: same.len() as u64,
                reason: *reason,
            };
            self.event(row.session, event)?;
        }
        Ok(())
    }

    /// Tells whether an ask, or one of those that were opened with it, waits for its answer.
    fn is_open_question(&mut self, ask: Option<MessageId>) -> Result<bool, StoreError> {
        let Some(id) = ask else { return Ok(false) };
        let Some(row) = self.tx.ask(id)? else { return Ok(false) };
        match row.group_no {
            Some(group_no) => Ok(!self.tx.open_asks_of_group(group_no)?.is_empty()),
            None => Ok(row.ask.state == AskState::Open),
        }
    }
}

/// Finds the next instant anew when it was found by other time zone data.
fn rezone_one(row: &mut ScheduleRow, plan: &Plan) {
    let standing = &mut row.standing;
    if standing.zone_data == schedule::zone_data_version() {
        return;
    }
    standing.zone_data = schedule::zone_data_version().to_owned();
    if plan.spec.needs_zone_data() {
        let next = plan.next(standing.last);
        if standing.due == standing.next {
            standing.due = next;
        }
        standing.next = next;
    }
}
