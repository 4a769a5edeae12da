//! Mail for a program that listens: its plugin is told before any transport is asked, and is handed nothing that would go
//! past a question or before what the program was started for.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    EventBody, MessageId, Principal, SessionId,
    command::{Happened, Report},
    event::{Activity, RuntimeWoken},
    reply::Reported,
    runtime::Signal,
};
use tieline_tests::World;

fn report(signal: Signal) -> Report {
    Report {
        folder: Some("/work/api".into()),
        listens: true,
        room: 9_000,
        ..Report::new("pi", "n-1", &format!("{signal:?}"), signal)
    }
}

fn with(signal: Signal, what: Activity) -> Report {
    Report { activities: vec![Happened { at_ms: None, what }], ..report(signal) }
}

async fn woken(world: &World, session: SessionId) -> Vec<String> {
    let events = world.timeline(session).await.into_iter();
    let said = events.filter_map(|event| match event.body {
        EventBody::RuntimeWoken(woken) => Some(match *woken {
            RuntimeWoken::Asked { by, .. } => format!("asked {by}"),
            RuntimeWoken::Told { by } => format!("told {by}"),
            RuntimeWoken::Failed { by, reason } => format!("{by}: {reason}"),
            RuntimeWoken::Began { by, .. } => format!("{by} began a turn"),
            RuntimeWoken::GaveUp { reason } => reason,
        }),
        _ => None,
    });
    said.collect()
}

/// What the plugin asks for by itself.
async fn mail(world: &World, agent: &Arc<Principal>) -> Vec<MessageId> {
    let told = world.report(agent, report(Signal::Recorded)).await;
    told.messages.iter().map(|message| message.id).collect()
}

struct Stage {
    world: World,
    agent: Arc<Principal>,
    bob: Arc<Principal>,
    told: Reported,
}

/// A program at this, with a terminal that could wake it.
async fn stage(signal: Signal) -> (Stage, tieline_tests::Client) {
    let world = World::start_with(|config| config.agents.wakers = vec!["terminal".into()]).await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").expect("a link of its own");
    terminal.attach().await;
    let told = world.report(&agent, report(signal)).await;
    (Stage { world, agent, bob, told }, terminal)
}

#[actix_rt::test]
async fn its_plugin_is_told_and_what_the_program_shows_as_a_prompt_is_seen() {
    let (Stage { world, agent, bob, told }, _terminal) = stage(Signal::Rested).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    world.calm().await;
    assert_eq!(woken(&world, told.session).await, ["told listener"]);
    assert_eq!(mail(&world, &agent).await, [sent]);
    assert_eq!(mail(&world, &agent).await, [], "one batch at a time");

    let shown = Report { seen: vec![sent], ..report(Signal::Prompted) };
    assert!(world.report(&agent, shown).await.awaited.is_empty());
    world.advance(Duration::from_secs(60)).await;
    let listened = ["told listener", "listener began a turn"];
    assert_eq!(woken(&world, told.session).await, listened, "no terminal is asked");
}

#[actix_rt::test]
async fn what_is_seen_has_woken_it_although_nobody_heard_of_the_turn() {
    let (Stage { world, agent, bob, told }, _terminal) = stage(Signal::Rested).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    assert_eq!(mail(&world, &agent).await, [sent]);
    world.report(&agent, Report { seen: vec![sent], ..report(Signal::Recorded) }).await;
    world.notify(&bob, "api-pi", "and now").await;
    world.calm().await;
    assert_eq!(woken(&world, told.session).await, ["told listener", "told listener"]);
}

#[actix_rt::test]
async fn a_plugin_that_brings_nothing_in_time_gives_way_to_a_terminal() {
    let (Stage { world, bob, told, .. }, terminal) = stage(Signal::Rested).await;
    world.notify(&bob, "api-pi", "hello").await;
    world.calm().await;
    world.advance(Duration::from_secs(21)).await;
    terminal.wait_deliveries(1).await;
    let said = woken(&world, told.session).await;
    assert_eq!(said, ["told listener", "listener: no turn began in time", "asked terminal"]);
}

#[actix_rt::test]
async fn what_was_handed_out_and_never_shown_is_handed_out_again() {
    let (Stage { world, agent, bob, .. }, _terminal) = stage(Signal::Rested).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    assert_eq!(mail(&world, &agent).await, [sent]);
    world.advance(Duration::from_secs(10)).await;
    let looked = Report { missing: vec![sent], room: 0, ..report(Signal::Recorded) };
    assert_eq!(world.report(&agent, looked).await.missed, 1);
    assert_eq!(mail(&world, &agent).await, [sent]);
}

#[actix_rt::test]
async fn nothing_is_handed_out_past_an_open_permission() {
    let (Stage { world, agent, bob, told }, _terminal) = stage(Signal::Prompted).await;
    let asked = Activity::ApprovalAsked { approval: "per_1".into(), subject: "bash: touch x".into() };
    world.report(&agent, with(Signal::Working, asked)).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    assert_eq!(mail(&world, &agent).await, []);
    // A second tool ends beside the one that is asked for.
    assert!(world.report(&agent, report(Signal::Working)).await.messages.is_empty());
    assert!(woken(&world, told.session).await.is_empty());

    let decided = Activity::ApprovalDecided { approval: "per_1".into(), is_allowed: true, reason: None };
    let told = world.report(&agent, with(Signal::Working, decided)).await;
    assert_eq!(told.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [sent]);
}

#[actix_rt::test]
async fn a_program_that_has_just_started_is_not_prompted_before_its_person_is() {
    let (Stage { world, agent, bob, told }, _terminal) = stage(Signal::Started).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    assert_eq!(mail(&world, &agent).await, []);
    world.advance(Duration::from_secs(11)).await;
    assert_eq!(woken(&world, told.session).await, ["told listener"]);
    assert_eq!(mail(&world, &agent).await, [sent]);
}

#[actix_rt::test]
async fn a_turn_that_ended_is_over_until_the_prompt_has_come() {
    let (Stage { world, agent, bob, told }, _terminal) = stage(Signal::Prompted).await;
    let sent = world.notify(&bob, "api-pi", "hello").await.message;
    let ended = world.report(&agent, report(Signal::Rested)).await;
    assert_eq!(ended.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [sent]);
    world.report(&agent, report(Signal::Ended)).await;
    assert_eq!(mail(&world, &agent).await, [], "who has ended is handed nothing");
    assert!(woken(&world, told.session).await.is_empty());
}
