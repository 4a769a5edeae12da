//! Making, pausing, resuming, running and ending schedules.

use tieline_model::{
    Address, Command, EventBody, PrincipalId, Refusal, Reply, ScheduleId, Scope, SessionId, TimestampMs,
    command::{ScheduleCreate, ScheduleRef},
    event::ScheduleChange,
    outcome::Code,
    reply::{ScheduleRunView, ScheduleView},
    schedule::{self, Misfire, Plan, Read, SkipReason, State, WhenError},
    text,
};
use tieline_store::{NewSchedule, ScheduleRow, Standing, StoreError};

use super::{Decision, Stop, fire::on_behalf_of};
use crate::{effect::Effect, query::schedules as view, request::Request};

/// How many schedules that have not ended one session may have.
const MOST_PER_SESSION: u64 = 10_000;
/// How many missed instants may be caught up with one by one.
const MOST_CAUGHT_UP: u32 = 100;
/// How far back missed instants may be looked at.
const LONGEST_CATCH_UP_MS: u64 = 31 * 24 * 3_600_000;
/// What a command may have besides its text, in bytes.
const BESIDES_TEXT: usize = 16 * 1024;

impl Decision<'_, '_> {
    pub(super) fn schedule_create(&mut self, request: &Request, create: &ScheduleCreate) -> Result<Reply, Stop> {
        let caller = &request.principal;
        let session = self.acting(request, create.session.as_ref(), "schedule_create.session")?;
        if let Some(title) = &create.title {
            text::check_name(title, "schedule_create.title")?;
        }
        let command = self.schedulable(request, &create.command, session)?;
        let plan = self.plan(create)?;
        let Some(first) = plan.next(self.now) else {
            let until = create.until.as_deref().unwrap_or_default();
            let message = format!("no instant comes until `{until}`; wanted a later end");
            return Err(Refusal::new(Code::BadInput, message).at("schedule_create.until").into());
        };
        let going = self.tx.count_schedules(session)?;
        if going >= MOST_PER_SESSION {
            let message = format!("the session has {going} schedules; at most {MOST_PER_SESSION} may go on");
            return Err(Refusal::new(Code::Quota, message).into());
        }
        let standing = Standing {
            state: State::Active,
            reason: None,
            last: self.now,
            next: Some(first),
            held: None,
            due: Some(first),
            waits_for: None,
            runs: 0,
            skipped: 0,
            zone_data: schedule::zone_data_version().to_owned(),
        };
        let mut shown = ScheduleView {
            schedule: None,
            session,
            by: caller.id,
            title: create.title.clone(),
            words: schedule::words(&plan.spec),
            next: view::upcoming(&plan, &standing, view::SHOWN),
            state: State::Active,
            reason: None,
            created_at_ms: self.now,
            runs: 0,
            skipped: 0,
            held_ms: None,
            command: Box::new(command),
            plan,
        };
        if create.dry_run {
            return Ok(Reply::Schedule(shown));
        }
        let id = self.shared.mint.schedule();
        let new = NewSchedule {
            id,
            session,
            principal: caller.id,
            title: create.title.as_deref(),
            command: &shown.command,
            plan: &shown.plan,
            created_at: self.now,
        };
        self.tx.insert_schedule(&new, &standing)?;
        let words = shown.words.clone();
        let created = EventBody::ScheduleCreated { schedule: id, by: caller.id, words, nominal_ms: first };
        self.event(session, created)?;
        self.effects.push(Effect::Schedules);
        shown.schedule = Some(id);
        Ok(Reply::Schedule(shown))
    }

    /// Checks that a schedule may give the command on the caller's behalf, and returns it as it will be given.
    fn schedulable(&mut self, request: &Request, command: &Command, session: SessionId) -> Result<Command, Stop> {
        let field = "schedule_create.command";
        let caller = &request.principal;
        if !command.is_schedulable() {
            let message = format!(
                "`{}` cannot be scheduled; wanted a command that writes, needs no link and answers no secret",
                command.name()
            );
            return Err(Refusal::new(Code::BadInput, message).at(field).into());
        }
        if let Some(scope) = command.scope()
            && !on_behalf_of(caller).may(scope)
        {
            let message = format!(
                "a schedule of `{}` may not `{}`: it lacks the scope `{}`",
                caller.name,
                command.name(),
                scope.as_str()
            );
            return Err(Refusal::new(Code::Forbidden, message).at(field).into());
        }
        let command = aimed(command.clone(), session);
        let bytes = serde_json::to_vec(&command).map_or(usize::MAX, |json| json.len());
        let most = self.shared.config.limits.text_bytes + BESIDES_TEXT;
        if bytes > most {
            let message = format!("a command of {bytes} bytes; at most {most} are allowed");
            return Err(Refusal::new(Code::TooLarge, message).at(field).into());
        }
        // Whom a name means is found out anew each time; that it means somebody now tells a slip of the pen.
        let to: Vec<&Address> = match &command {
            Command::Ask(ask) => vec![&ask.to],
            Command::Notify(notify) => vec![&notify.to],
            Command::AskMany(ask) => ask.to.iter().collect(),
            _ => Vec::new(),
        };
        for address in to {
            self.resolve(address, caller, &format!("{field}.{}.to", command.name()))?;
        }
        Ok(command)
    }

    fn plan(&self, create: &ScheduleCreate) -> Result<Plan, Stop> {
        let usual_zone = self.shared.clock.zone();
        let how = Read { now: self.now, zone: create.zone.as_deref(), usual_zone: &usual_zone };
        let wrong = |error: WhenError, field: &str| {
            let field = if matches!(error, WhenError::Zone { .. }) && create.zone.is_some() { "zone" } else { field };
            Refusal::new(Code::BadInput, error.to_string()).at(format!("schedule_create.{field}"))
        };
        let spec = schedule::read(&create.when, how).map_err(|error| wrong(error, "when"))?;
        let until = create.until.as_deref().map(|text| schedule::read_instant(text, how));
        let until_ms = until.transpose().map_err(|error| wrong(error, "until"))?;
        let out_of_range = |found: u64, wanted: String, field: &str| {
            Refusal::new(Code::BadInput, format!("{found}; wanted {wanted}")).at(format!("schedule_create.{field}"))
        };
        if create.max_runs == Some(0) {
            return Err(out_of_range(0, "1 or more".into(), "max_runs").into());
        }
        if let Misfire::All { max } = create.misfire
            && !(1..=MOST_CAUGHT_UP).contains(&max)
        {
            return Err(out_of_range(max.into(), format!("1 to {MOST_CAUGHT_UP}"), "misfire.all.max").into());
        }
        let catch_up_ms = create.catch_up_ms.unwrap_or_else(|| spec.usual_catch_up_ms());
        if catch_up_ms > LONGEST_CATCH_UP_MS {
            let wanted = format!("at most {LONGEST_CATCH_UP_MS} milliseconds");
            return Err(out_of_range(catch_up_ms, wanted, "catch_up_ms").into());
        }
        Ok(Plan {
            spec,
            until_ms,
            max_runs: create.max_runs,
            misfire: create.misfire,
            catch_up_ms,
            overlap: create.overlap,
        })
    }

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
        let outcome = self.execute(&mut row, nominal, true)?;
        self.tx.update_schedule(row.no, &row.standing)?;
        self.effects.push(Effect::Schedules);
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

/// Puts the session of a schedule in the place of `self`, and where nobody is named to speak.
fn aimed(mut command: Command, session: SessionId) -> Command {
    let own = Address::Session(session);
    let is_self = |address: &Address| matches!(address, Address::Title { circle: None, title } if title == "self");
    let aim = |address: &mut Address| {
        if is_self(address) {
            *address = own.clone();
        }
    };
    let speak = |sender: &mut Option<Address>| {
        if sender.as_ref().is_none_or(is_self) {
            *sender = Some(own.clone());
        }
    };
    match &mut command {
        Command::Ask(ask) => {
            aim(&mut ask.to);
            speak(&mut ask.sender);
        }
        Command::Notify(notify) => {
            aim(&mut notify.to);
            speak(&mut notify.sender);
        }
        Command::AskMany(ask) => {
            ask.to.iter_mut().for_each(aim);
            speak(&mut ask.sender);
        }
        Command::Broadcast(broadcast) => speak(&mut broadcast.sender),
        Command::Record(record) => speak(&mut record.session),
        Command::SessionClose(it) | Command::SessionArchive(it) | Command::SessionRestore(it) => aim(&mut it.session),
        Command::SessionRename(rename) => aim(&mut rename.session),
        Command::SessionLabel(label) => aim(&mut label.session),
        Command::SessionPin(pin) => aim(&mut pin.session),
        Command::SessionMove(it) => aim(&mut it.session),
        Command::SessionHandOver(it) => aim(&mut it.session),
        Command::SessionFork(fork) => aim(&mut fork.session),
        Command::SessionMerge(merge) => aim(&mut merge.session),
        Command::SessionDescribe(describe) => aim(&mut describe.session),
        _ => {}
    }
    command
}
