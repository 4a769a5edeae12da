//! `tieline timeline`: pages of timelines, or all of them.

use tieline_model::{Command, Reply, command::Timeline, reply::TimelinePage};

use super::{ask::unexpected, names::Names};
use crate::{args, client::Client, context::Context, exit::Failed};

/// The largest page.
const MOST: u32 = 500;

/// Runs it.
pub async fn timeline(context: &Context, args: args::Timeline) -> Result<(), Failed> {
    let client = context.client()?;
    let args::Timeline { sessions, after, before, limit, all } = args;
    let ask = Timeline { sessions, after, before, limit };
    if all { whole(context, &client, ask).await } else { one(context, &client, ask).await }
}

async fn page(client: &Client, ask: &Timeline) -> Result<TimelinePage, Failed> {
    match client.call(&Command::Timeline(ask.clone())).await? {
        Reply::Timeline(page) => Ok(page),
        other => Err(unexpected(&other)),
    }
}

async fn one(context: &Context, client: &Client, ask: Timeline) -> Result<(), Failed> {
    let page = page(client, &ask).await?;
    if context.out.json {
        return context.out.reply(&Reply::Timeline(page));
    }
    let mut names = Names::load(client).await?;
    for event in &page.events {
        names.print(context, client, event).await?;
    }
    match (page.events.first(), page.events.last()) {
        (Some(first), Some(last)) if page.has_more => {
            let (option, cursor) = if ask.after.is_some() { ("after", last.cursor) } else { ("before", first.cursor) };
            context.out.note(&format!("there are more: --{option} {cursor}"));
        }
        (None, _) => context.out.text("nothing happened")?,
        _ => {}
    }
    Ok(())
}

/// Everything from the first event on, or from `after`: with `--json` one event per line, to be kept.
async fn whole(context: &Context, client: &Client, mut ask: Timeline) -> Result<(), Failed> {
    ask.limit = Some(MOST);
    let mut names = match context.out.json {
        true => None,
        false => Some(Names::load(client).await?),
    };
    let mut next = ask.after.unwrap_or_default();
    loop {
        ask.after = Some(next);
        let page = page(client, &ask).await?;
        for event in &page.events {
            match &mut names {
                None => context.out.json(event)?,
                Some(names) => names.print(context, client, event).await?,
            }
        }
        match page.events.last() {
            Some(last) if page.has_more => next = last.cursor,
            _ => return Ok(()),
        }
    }
}
