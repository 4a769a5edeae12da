//! `tieline events`: a timeline, or what happens from now on.

use serde::Deserialize;
use tieline_model::{Command, Event, Failure, Outcome, Reply, command::Whoami, outcome::OutcomeJson};

use super::{ask::unexpected, names::Names};
use crate::{
    args,
    client::{Answer, Client, Item, percent},
    context::Context,
    exit::Failed,
};

/// How many events come at once unless asked otherwise.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Page {
    events: Vec<Event>,
}

/// Runs it.
pub async fn events(context: &Context, args: args::Events) -> Result<(), Failed> {
    let client = context.client()?;
    if args.follow { follow(context, &client, args).await } else { timeline(context, &client, args).await }
}

async fn timeline(context: &Context, client: &Client, args: args::Events) -> Result<(), Failed> {
    let session = match args.sessions.as_slice() {
        [address] => address.to_string(),
        [_, _, ..] => {
            let message = "several sessions are merged with --follow; for what was, see `tieline timeline`";
            return Err(Failed::Input(message.into()));
        }
        [] => match client.call(&Command::Whoami(Whoami {})).await? {
            Reply::Whoami(whoami) => whoami.principal.home.to_string(),
            other => return Err(unexpected(&other)),
        },
    };
    let query: Vec<String> = [("after", args.after), ("limit", args.limit.map(u64::from))]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
        .collect();
    let path = format!("/v1/sessions/{}/events?{}", percent(&session), query.join("&"));
    let answer = client.get(path.trim_end_matches('?')).await?;
    let page = page(client, &answer)?;
    if context.out.json {
        return context.out.text(&String::from_utf8_lossy(&answer.body));
    }
    let mut names = Names::load(client).await?;
    for event in &page.events {
        names.print(context, client, event).await?;
    }
    match page.events.last() {
        None => context.out.text("nothing happened")?,
        Some(last) if page.events.len() >= args.limit.map_or(PAGE, |limit| limit as usize) => {
            context.out.note(&format!("there may be more: --after {}", last.seq));
        }
        Some(_) => {}
    }
    Ok(())
}

fn page(client: &Client, answer: &Answer) -> Result<Page, Failed> {
    if let Ok(page) = serde_json::from_slice(&answer.body) {
        return Ok(page);
    }
    match serde_json::from_slice::<OutcomeJson>(&answer.body).map(Outcome::from) {
        Ok(Err(Failure::Refusal(refusal))) => Err(Failed::Refused(refusal)),
        Ok(Err(Failure::Fault(fault))) => Err(Failed::Fault(fault)),
        _ => Err(Failed::Stranger {
            place: client.endpoint().to_string(),
            what: format!("status {} with a body that holds no events", answer.status.as_u16()),
        }),
    }
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
