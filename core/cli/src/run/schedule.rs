//! `tieline schedule`.

use tieline_model::{
    Command, TimestampMs,
    command::{Ask, Notify, ScheduleCreate, ScheduleHistory, ScheduleList, ScheduleRef},
    parse,
};

use super::text::text;
use crate::{
    args::{AddSchedule, Schedule, ScheduleVerb, millis},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn run(context: &Context, args: Schedule) -> Result<(), Failed> {
    let one = |schedule| ScheduleRef { schedule };
    let command = match args.verb {
        ScheduleVerb::Add(args) => Command::ScheduleCreate(create(*args)?),
        ScheduleVerb::List(args) => Command::ScheduleList(ScheduleList {
            session: args.session,
            include_done: args.all,
            limit: args.limit,
            after: args.after,
        }),
        ScheduleVerb::Show(args) => Command::ScheduleGet(one(args.id)),
        ScheduleVerb::Pause(args) => Command::SchedulePause(one(args.id)),
        ScheduleVerb::Resume(args) => Command::ScheduleResume(one(args.id)),
        ScheduleVerb::Run(args) => Command::ScheduleRun(one(args.id)),
        ScheduleVerb::Remove(args) => Command::ScheduleCancel(one(args.id)),
        ScheduleVerb::History(args) => Command::ScheduleHistory(ScheduleHistory {
            schedule: args.id,
            before_ms: args.before.map(TimestampMs),
            limit: args.limit,
        }),
    };
    context.out.reply(&context.call(&command).await?)
}

fn create(args: AddSchedule) -> Result<ScheduleCreate, Failed> {
    let words = args.text.map(text).transpose()?.unwrap_or_default();
    let command = match (args.notify, args.ask, args.command) {
        (Some(to), _, _) => Command::Notify(Notify::new(to, words)),
        (_, Some(to), _) => Command::Ask(Ask::new(to, words)),
        (_, _, json) => {
            let json = text(json.unwrap_or_default())?;
            parse::from_json::<Command>(json.as_bytes()).map_err(Failed::Refused)?
        }
    };
    Ok(ScheduleCreate {
        when: args.when,
        command: Box::new(command),
        session: args.session,
        title: args.title,
        zone: args.zone,
        until: args.until,
        max_runs: args.max_runs,
        misfire: args.misfire,
        catch_up_ms: args.catch_up.map(millis),
        overlap: args.overlap,
        dry_run: args.dry_run,
    })
}
