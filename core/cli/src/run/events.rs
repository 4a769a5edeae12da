//! `tieline events`: a timeline, or what happens from now on.

use super::{names::Names, timeline};
use crate::{
    args,
    client::{Client, Item},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn events(context: &Context, args: args::Events) -> Result<(), Failed> {
    if args.follow {
        return follow(context, &context.client()?, args).await;
    }
    let args::Events { sessions, after, limit, .. } = args;
    let after = after.map(|cursor| i64::try_from(cursor).unwrap_or(i64::MAX));
    timeline::timeline(context, args::Timeline { sessions, after, before: None, limit, all: false }).await
}

async fn follow(context: &Context, client: &Client, args: args::Events) -> Result<(), Failed> {
    let sessions: Vec<String> = args.sessions.iter().map(ToString::to_string).collect();
    let mut stream = client.events(&sessions, args.after).await?;
    let mut names = Names::load(client).await?;
    context.out.note("following; Ctrl-C ends it");
    let mut is_lost = false;
    loop {
        match stream.next().await? {
            Item::Connected if std::mem::take(&mut is_lost) => context.out.note("connected again"),
            Item::Connected => {}
            Item::Lost(why) => {
                is_lost = true;
                context.out.note(&format!("connection lost ({why}); trying again"));
            }
            Item::Gap { json, .. } if context.out.json => context.out.text(&json)?,
            Item::Gap { gap, .. } => names.gap(context, client, &gap).await?,
            Item::Event { json, .. } if context.out.json => context.out.text(&json)?,
            Item::Event { event: Some(event), .. } => names.print(context, client, &event).await?,
            Item::Event { event: None, .. } => context.out.note("an event that this program does not know"),
        }
    }
}
