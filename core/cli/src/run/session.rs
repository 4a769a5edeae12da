//! `tieline sessions`.

use tieline_model::{
    Command, Reply,
    command::{
        IdleWatch, SessionBudget, SessionDescribe, SessionFork, SessionHandOver, SessionLabel, SessionList,
        SessionMerge, SessionMove, SessionOpen, SessionPin, SessionRef, SessionRename,
    },
};

use super::{bundle, text::text};
use crate::{
    args::{Budget, Describe, Label, List, Sessions, SessionsVerb},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn run(context: &Context, args: Sessions) -> Result<(), Failed> {
    let verb = match args.verb {
        Some(SessionsVerb::Bundle(args)) => return bundle::run(context, args).await,
        verb => verb.unwrap_or(SessionsVerb::List(args.list)),
    };
    let did = match verb {
        SessionsVerb::Close(_) => "closed",
        SessionsVerb::Rename(_) => "renamed",
        SessionsVerb::Describe(_) => "described",
        SessionsVerb::Label(_) => "labelled",
        SessionsVerb::Pin(_) => "pinned",
        SessionsVerb::Unpin(_) => "no longer pinned",
        SessionsVerb::Move(_) => "moved",
        SessionsVerb::HandOver(_) => "handed over",
        SessionsVerb::Budget(_) => "budget set",
        SessionsVerb::Archive(_) => "archived",
        SessionsVerb::Restore(_) => "restored",
        SessionsVerb::Kill(_) => "its transport was asked to end it",
        SessionsVerb::Rerun(_) => "its transport was asked to start it again",
        SessionsVerb::List(_)
        | SessionsVerb::Show(_)
        | SessionsVerb::Open(_)
        | SessionsVerb::Fork(_)
        | SessionsVerb::Merge(_)
        | SessionsVerb::Watch(_)
        | SessionsVerb::Bundle(_) => "done",
    };
    let reply = context.call(&command(verb)?).await?;
    match reply {
        Reply::Done(_) => context.out.reply_or(&reply, |_| did.into()),
        _ => context.out.reply(&reply),
    }
}

fn command(verb: SessionsVerb) -> Result<Command, Failed> {
    Ok(match verb {
        SessionsVerb::List(args) => list(args),
        SessionsVerb::Kill(args) => Command::SpawnKill(SessionRef { session: args.session }),
        SessionsVerb::Rerun(args) => Command::SpawnRestart(SessionRef { session: args.session }),
        SessionsVerb::Show(args) => Command::SessionGet(SessionRef { session: args.session }),
        SessionsVerb::Open(args) => Command::SessionOpen(SessionOpen {
            title: args.title,
            circle: args.circle,
            roles: args.role,
            description: args.description,
            project: args.project,
        }),
        SessionsVerb::Close(args) => Command::SessionClose(SessionRef { session: args.session }),
        SessionsVerb::Rename(args) => {
            Command::SessionRename(SessionRename { session: args.session, title: args.title })
        }
        SessionsVerb::Describe(args) => describe(args)?,
        SessionsVerb::Label(args) => {
            let Label { session, add, remove } = args;
            Command::SessionLabel(SessionLabel { session, add, remove })
        }
        SessionsVerb::Pin(args) => Command::SessionPin(SessionPin { session: args.session, pinned: true }),
        SessionsVerb::Unpin(args) => Command::SessionPin(SessionPin { session: args.session, pinned: false }),
        SessionsVerb::Move(args) => Command::SessionMove(SessionMove { session: args.session, circle: args.circle }),
        SessionsVerb::HandOver(args) => {
            Command::SessionHandOver(SessionHandOver { session: args.session, to: args.to })
        }
        SessionsVerb::Budget(args) => budget(args)?,
        SessionsVerb::Archive(args) => Command::SessionArchive(SessionRef { session: args.session }),
        SessionsVerb::Restore(args) => Command::SessionRestore(SessionRef { session: args.session }),
        SessionsVerb::Fork(args) => {
            Command::SessionFork(SessionFork { session: args.session, title: args.title, seq: args.seq })
        }
        SessionsVerb::Bundle(_) => unreachable!("it is several commands, and was run above"),
        SessionsVerb::Watch(args) => Command::IdleWatch(IdleWatch { session: args.session, sender: args.sender }),
        SessionsVerb::Merge(args) => Command::SessionMerge(SessionMerge {
            session: args.session,
            into: args.into,
            note: text(args.note)?,
            archive: args.archive,
        }),
    })
}

fn list(args: List) -> Command {
    let List { circle, all, state, label, pinned, limit, after } = args;
    Command::SessionList(SessionList { circle, include_closed: all, state, label, pinned, limit, after })
}

fn budget(args: Budget) -> Result<Command, Failed> {
    let micro = |usd: f64| {
        let micro = usd * 1e6;
        if micro.is_finite() && (0.0..1e15).contains(&micro) {
            return Ok(micro.round() as u64);
        }
        Err(Failed::Input(format!("{usd} dollars; wanted a number from 0 on")))
    };
    let cost_micro_usd = args.usd.map(micro).transpose()?;
    Ok(Command::SessionBudget(SessionBudget { session: args.session, tokens: args.tokens, cost_micro_usd }))
}

fn describe(args: Describe) -> Result<Command, Failed> {
    let roles = (args.no_roles || !args.role.is_empty()).then_some(args.role);
    if args.description.is_none() && roles.is_none() && args.project.is_none() {
        let wanted = "nothing to change; wanted --description, --role, --no-roles or --project";
        return Err(Failed::Input(wanted.into()));
    }
    let Describe { session, description, project, .. } = args;
    Ok(Command::SessionDescribe(SessionDescribe { session, description, roles, project }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    fn json(line: &[&str]) -> Result<String, Failed> {
        let cli = Cli::try_parse_from(["tieline", "sessions"].iter().chain(line)).unwrap();
        let Verb::Sessions(args) = cli.verb else { panic!("not sessions") };
        let command = command(args.verb.unwrap_or(SessionsVerb::List(args.list)))?;
        Ok(serde_json::to_string(&command).unwrap())
    }

    #[test]
    fn words_become_commands() {
        assert_eq!(json(&[]).unwrap(), r#"{"session_list":{"include_closed":false}}"#);
        assert_eq!(
            json(&["--all", "--circle", "ops"]).unwrap(),
            r#"{"session_list":{"circle":"ops","include_closed":true}}"#
        );
        assert_eq!(
            json(&["describe", "a", "--no-roles"]).unwrap(),
            r#"{"session_describe":{"session":"a","roles":[]}}"#
        );
        assert_eq!(json(&["describe", "a"]).unwrap_err().exit_code(), 2);
    }
}
