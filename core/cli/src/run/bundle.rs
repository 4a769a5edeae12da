//! `tieline sessions bundle`: gathers what another agent needs to go on with a session's work.

use std::collections::BTreeMap;

use serde_json::json;
use tieline_model::{
    Address, Command, Event, EventBody, MessageId, MessageKind, Reply, SessionId, TimestampMs,
    ask::AskState,
    command::{MessageRef, Notify, SessionRef, Timeline},
    event::{Activity, FileChange},
    reply::Trace,
};

use super::ask::unexpected;
use crate::{
    args::Bundle,
    client::Client,
    context::Context,
    exit::Failed,
    render::{OpenAsk, Work, accepted, bundle},
};

/// How many pages of 500 events are looked at.
const PAGES: usize = 4;
/// The most things that were said.
const MAX_SAID: usize = 20;
/// The most files.
const MAX_FILES: usize = 50;
/// The most asks that are looked up.
const MAX_ASKS: usize = 50;

/// Runs it.
pub async fn run(context: &Context, args: Bundle) -> Result<(), Failed> {
    let client = context.client()?;
    let view = match client.call(&Command::SessionGet(SessionRef { session: args.session })).await? {
        Reply::Session(view) => *view,
        other => return Err(unexpected(&other)),
    };
    let (events, is_cut) = newest(&client, view.id).await?;
    let mut work = Work { is_cut, ..gathered(&events) };
    work.asks = open_asks(&client, &events).await?;
    let text = bundle(&view, &work);
    let Some(to) = args.to else {
        if context.out.json {
            return context.out.json(&json!({ "bundle": text }));
        }
        return context.out.text(text.trim_end());
    };
    let notify =
        Notify { to, text, sender: args.sender, reply_to: None, expires_in_ms: None, urgency: None, supersedes: None };
    let reply = client.call(&Command::Notify(notify)).await?;
    let Reply::Accepted(told) = &reply else { return Err(unexpected(&reply)) };
    context.out.reply_or(&reply, |style| accepted("handed over to", told, style))
}

/// Reads the newest events of a session, oldest first, and tells whether there are more.
async fn newest(client: &Client, session: SessionId) -> Result<(Vec<Event>, bool), Failed> {
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..PAGES {
        let before = events.first().map(|event| event.cursor);
        let ask = Timeline { sessions: vec![Address::Session(session)], before, after: None, limit: Some(500) };
        let page = match client.call(&Command::Timeline(ask)).await? {
            Reply::Timeline(page) => page,
            other => return Err(unexpected(&other)),
        };
        events.splice(0..0, page.events);
        if !page.has_more {
            return Ok((events, false));
        }
    }
    Ok((events, true))
}

/// Gathers what was said and changed.
fn gathered(events: &[Event]) -> Work {
    let mut work = Work::default();
    let mut files: BTreeMap<&str, (TimestampMs, FileChange)> = BTreeMap::new();
    for event in events {
        let EventBody::Activity(recorded) = &event.body else { continue };
        let at = recorded.happened_at_ms.unwrap_or(event.at_ms);
        match &recorded.what {
            Activity::Said { role, text, .. } => work.said.push((at, *role, text.clone())),
            Activity::FileChanged { path, change, .. } => drop(files.insert(path, (at, *change))),
            _ => {}
        }
    }
    work.said.drain(..work.said.len().saturating_sub(MAX_SAID));
    work.files = files.into_iter().map(|(path, (at, change))| (at, change, path.to_owned())).collect();
    work.files.sort_by_key(|(at, ..)| *at);
    work.files.drain(..work.files.len().saturating_sub(MAX_FILES));
    work
}

/// Finds the asks that are open, by what each says now.
async fn open_asks(client: &Client, events: &[Event]) -> Result<Vec<OpenAsk>, Failed> {
    let asked = |event: &Event| match &event.body {
        EventBody::AskOpened { ask, .. } => Some((*ask, true)),
        EventBody::MessageAccepted { message, kind: MessageKind::Ask, .. } => Some((*message, false)),
        _ => None,
    };
    let mut candidates: Vec<(MessageId, bool)> = events.iter().filter_map(asked).collect();
    for event in events {
        if let EventBody::AskClosed { ask, .. } = &event.body {
            candidates.retain(|(candidate, _)| candidate != ask);
        }
    }
    candidates.drain(..candidates.len().saturating_sub(MAX_ASKS));
    let mut asks = Vec::new();
    for (message, is_own) in candidates {
        match client.call(&Command::Trace(MessageRef { message })).await {
            Ok(Reply::Trace(Trace { message, ask: Some(ask), .. })) if ask.state == AskState::Open => {
                asks.push(OpenAsk { message, is_own });
            }
            // What the caller may not see is not in its hand-over.
            Ok(_) | Err(Failed::Refused(_)) => {}
            Err(failed) => return Err(failed),
        }
    }
    Ok(asks)
}
