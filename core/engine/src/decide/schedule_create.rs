//! Making a schedule: what is asked is read and checked, and then written.

use tieline_model::{
    Address, Command, EventBody, Refusal, Reply, SessionId,
    command::ScheduleCreate,
    outcome::Code,
    reply::ScheduleView,
    schedule::{self, Misfire, Plan, Read, State, WhenError},
    text,
};
use tieline_store::{NewSchedule, Standing};

use super::{Decision, Stop, give::on_behalf_of};
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
                "`{}` cannot be scheduled; wanted a command that writes, needs no link or lease and answers no secret",
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
