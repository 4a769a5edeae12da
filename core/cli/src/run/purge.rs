//! `tieline purge`: asks first, and waits until nothing is left.

use std::time::Duration;

use tieline_model::{
    Command, Reply,
    command::{SessionPurge, SessionRef},
};

use super::{ask::unexpected, confirm::is_agreed};
use crate::{args::Purge, context::Context, exit::Failed, render};

/// How long it may take: the database is written anew.
const LIMIT: Duration = Duration::from_secs(3_600);

/// Runs it.
pub async fn purge(context: &Context, args: Purge) -> Result<(), Failed> {
    let Purge { session, through, before, all, yes } = args;
    let client = context.client()?.with_limit(LIMIT);
    if !yes {
        let get = Command::SessionGet(SessionRef { session: session.clone() });
        let view = match client.call(&get).await? {
            Reply::Session(view) => view,
            other => return Err(unexpected(&other)),
        };
        let what = match (through, before) {
            (Some(through), _) => format!("events through number {through}"),
            (None, Some(before)) => format!("everything before {}", render::stamp(before)),
            (None, None) => "everything".to_owned(),
        };
        let question = format!("Remove {what} of `{}` ({}) for ever?", render::line(&view.title), view.id);
        let instead = "whether to remove is asked on a terminal, and there is none; if you are sure, add --yes";
        if !is_agreed(context, &question, instead)? {
            return Err(Failed::No("nothing was removed".into()));
        }
    }
    let command = Command::SessionPurge(SessionPurge { session, through, before_ms: before, all });
    context.out.reply(&client.call(&command).await?)
}
