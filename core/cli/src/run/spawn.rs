//! `tieline spawn`: has a program started, and looks on until it is there.

use std::time::{Duration, Instant};

use tieline_model::{
    Address, Command, EventBody, Reply, SessionId,
    command::{SessionRef, Spawn, Timeline},
    event::RuntimeOrdered,
    reply::SessionView,
    runtime::Presence,
};

use super::unexpected;
use crate::{args::Spawn as Args, client::Client, context::Context, exit::Failed};

/// How often it is looked whether the program is there.
const LOOK: Duration = Duration::from_millis(200);
/// The most events that can come before what is looked for.
const EVENTS: u32 = 100;

/// Has a program started.
pub async fn run(context: &Context, args: Args) -> Result<(), Failed> {
    let folder = std::path::absolute(&args.folder)?;
    let folder = folder.to_str().ok_or_else(|| Failed::Input(format!("the path {folder:?} is no text")))?.to_owned();
    let profile = args.profile.or(args.agent).unwrap_or_default();
    let spawn = Spawn { folder, profile, title: args.title, worktree: args.worktree, sender: args.sender };
    let client = context.client()?;
    let opened = match client.call(&Command::Spawn(spawn)).await? {
        Reply::Session(opened) => opened,
        other => return Err(unexpected(&other)),
    };
    let begun = Instant::now();
    let mut view = opened.clone();
    while !is_there(&view) && begun.elapsed() < args.wait {
        context.out.progress(&format!("`{}` is being started …", opened.title));
        tokio::time::sleep(LOOK).await;
        if let Some(reason) = failure(&client, opened.id).await? {
            context.out.progress("");
            return Err(Failed::No(format!("it was not started: {reason}")));
        }
        view = match client.call(&Command::SessionGet(SessionRef { session: Address::Session(opened.id) })).await? {
            Reply::Session(view) => view,
            other => return Err(unexpected(&other)),
        };
    }
    context.out.progress("");
    let is_there = is_there(&view);
    context.out.reply(&Reply::Session(view))?;
    if !is_there {
        context.out.note(
            "it was asked for, and nothing was heard of it yet: some programs say nothing before their first prompt",
        );
    }
    Ok(())
}

/// Tells whether one of its hooks has spoken.
fn is_there(view: &SessionView) -> bool {
    view.runtime.as_ref().is_some_and(|runtime| runtime.presence != Presence::Offline)
}

async fn failure(client: &Client, session: SessionId) -> Result<Option<String>, Failed> {
    let timeline = Timeline { sessions: vec![Address::Session(session)], limit: Some(EVENTS), ..Timeline::default() };
    let page = match client.call(&Command::Timeline(timeline)).await? {
        Reply::Timeline(page) => page,
        other => return Err(unexpected(&other)),
    };
    Ok(page.events.into_iter().rev().find_map(|event| match event.body {
        EventBody::RuntimeOrdered(ordered) => match *ordered {
            RuntimeOrdered::Failed { reason } => Some(reason),
            RuntimeOrdered::Asked { .. } => None,
        },
        _ => None,
    }))
}
