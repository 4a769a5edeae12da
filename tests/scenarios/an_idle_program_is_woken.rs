//! Mail for an idle agent program: a transport is asked to wake it, then the next one, and it is said when none can.

use std::time::Duration;

use tieline_model::{
    EventBody, Lane, SessionId,
    command::{Happened, Report},
    event::{Activity, RuntimeWoken},
    runtime::{Pane, Signal},
};
use tieline_tests::{Outcomes, World};

fn report(signal: Signal) -> Report {
    Report {
        folder: Some("/work/api".into()),
        pane: Some(Pane { socket: "/run/tmux".into(), pane: "%3".into() }),
        ..Report::new("codex", "n-1", &format!("{signal:?}"), signal)
    }
}

async fn woken(world: &World, session: SessionId) -> Vec<RuntimeWoken> {
    let events = world.timeline(session).await.into_iter();
    let woken = events.filter_map(|event| match event.body {
        EventBody::RuntimeWoken(woken) => Some(*woken),
        _ => None,
    });
    woken.collect()
}

async fn start() -> World {
    World::start_with(|config| config.agents.wakers = vec!["native".into(), "terminal".into()]).await
}

#[actix_rt::test]
async fn the_best_transport_that_is_there_is_asked_and_a_turn_is_its_success() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").expect("a link of its own");
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;

    let asked = terminal.wait_deliveries(1).await.remove(0);
    let wake = asked.message.wake.expect("a request");
    assert_eq!((wake.session, wake.agent.as_str(), wake.pane.unwrap().pane.as_str()), (told.session, "codex", "%3"));
    assert!(wake.prompt.starts_with("[tieline]") && !wake.prompt.contains("hello"), "{}", wake.prompt);
    terminal.take(Lane::Ctl, 1).await;
    let prompted = world.report(&agent, Report { room: 9_000, ..report(Signal::Prompted) }).await;
    assert_eq!(prompted.messages.len(), 1);
    world.advance(Duration::from_secs(60)).await;
    let said = woken(&world, told.session).await;
    assert!(
        matches!(said.as_slice(), [RuntimeWoken::Asked { by, .. }, RuntimeWoken::Began { instead_of, .. }]
            if by == "terminal" && instead_of.is_empty()),
        "{said:?}"
    );
}

#[actix_rt::test]
async fn a_turn_that_began_another_way_than_the_best_says_so() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let (native, terminal) = (world.own_link("native").unwrap(), world.own_link("terminal").unwrap());
    native.attach().await;
    terminal.attach().await;
    let home = |signal| Report { home: Some("/home/u/.codex".into()), ..report(signal) };
    let told = world.report(&agent, home(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;
    let asked = native.wait_deliveries(1).await.remove(0);
    assert_eq!(asked.message.wake.unwrap().home.as_deref(), Some("/home/u/.codex"));
    native.reject(Lane::Ctl, 1, "its inbox is another than what was tried").await.reply();
    terminal.wait_deliveries(1).await;
    terminal.take(Lane::Ctl, 1).await;
    world.report(&agent, Report { room: 9_000, ..report(Signal::Prompted) }).await;

    let began = woken(&world, told.session).await.pop().unwrap();
    let better = vec!["native".to_owned()];
    assert_eq!(began, RuntimeWoken::Began { by: "terminal".into(), instead_of: better.clone() });
    let shown = world.session(told.session).await.runtime.unwrap().woken.unwrap();
    assert_eq!((shown.by.as_str(), shown.instead_of), ("terminal", better));

    // A person's prompt is nobody's success.
    world.report(&agent, report(Signal::Rested)).await;
    world.report(&agent, report(Signal::Prompted)).await;
    assert_eq!(woken(&world, told.session).await.pop(), Some(began));
}

#[actix_rt::test]
async fn when_one_refuses_the_next_is_asked_and_when_none_can_it_is_said() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let (native, terminal) = (world.own_link("native").unwrap(), world.own_link("terminal").unwrap());
    native.attach().await;
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;
    native.wait_deliveries(1).await;
    native.reject(Lane::Ctl, 1, "it has no inbox").await.reply();
    terminal.wait_deliveries(1).await;
    terminal.reject(Lane::Ctl, 1, "somebody is typing in it").await.reply();
    world.calm().await;
    let woken = woken(&world, told.session).await;
    let said = |woken: &RuntimeWoken| match woken {
        RuntimeWoken::Asked { by, .. } => format!("asked {by}"),
        RuntimeWoken::Told { by } => format!("told {by}"),
        RuntimeWoken::Failed { by, reason } => format!("{by}: {reason}"),
        RuntimeWoken::GaveUp { reason } => reason.clone(),
        RuntimeWoken::Began { by, .. } => format!("{by} began a turn"),
    };
    assert_eq!(
        woken.iter().map(said).collect::<Vec<_>>(),
        [
            "asked native",
            "native: it has no inbox",
            "asked terminal",
            "terminal: somebody is typing in it",
            "none of native, terminal could wake it"
        ]
    );
}

#[actix_rt::test]
async fn typing_alone_is_no_success_and_without_a_turn_it_is_tried_again_later() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;
    terminal.wait_deliveries(1).await;
    terminal.take(Lane::Ctl, 1).await;
    world.advance(Duration::from_secs(21)).await;
    world.calm().await;
    let said = woken(&world, told.session).await;
    assert!(matches!(said.as_slice(), [_, RuntimeWoken::Failed { .. }, RuntimeWoken::GaveUp { .. }]), "{said:?}");
    world.advance(Duration::from_secs(301)).await;
    assert_eq!(terminal.wait_deliveries(2).await.len(), 2);
}

#[actix_rt::test]
async fn nobody_is_woken_who_works_or_waits_for_a_permission() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Working)).await;
    world.notify(&bob, "api-codex", "hello").await;
    // A dialog is open although the last hook says that the turn is over, as when two of them overtake each other.
    let asked = Activity::ApprovalAsked { approval: "k".into(), subject: "Bash: touch x".into() };
    let mut rested = report(Signal::Rested);
    rested.activities = vec![Happened { at_ms: None, what: asked }];
    world.report(&agent, rested).await;
    world.advance(Duration::from_secs(400)).await;
    world.calm().await;
    assert!(woken(&world, told.session).await.is_empty());

    let decided = Activity::ApprovalDecided { approval: "k".into(), is_allowed: false, reason: None };
    let mut rested = report(Signal::Rested);
    rested.activities = vec![Happened { at_ms: None, what: decided }];
    world.report(&agent, rested).await;
    terminal.wait_deliveries(1).await;
}

#[actix_rt::test]
async fn a_program_that_has_just_started_is_left_alone_for_a_moment() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Started)).await;
    world.notify(&bob, "api-codex", "hello").await;
    world.calm().await;
    assert!(woken(&world, told.session).await.is_empty());
    world.advance(Duration::from_secs(11)).await;
    terminal.wait_deliveries(1).await;
}

#[actix_rt::test]
async fn a_wake_that_was_under_way_in_a_crash_is_looked_after() {
    let mut world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;
    terminal.wait_deliveries(1).await;
    world.kill().await;
    world.restart().await;
    world.advance(Duration::from_secs(21)).await;
    for _ in 0..100 {
        let said = woken(&world, told.session).await;
        if matches!(
            said.as_slice(),
            [RuntimeWoken::Asked { .. }, RuntimeWoken::Failed { .. }, RuntimeWoken::GaveUp { .. }]
        ) {
            return;
        }
        world.advance(Duration::from_secs(1)).await;
    }
    panic!("nobody looked after it: {:?}", woken(&world, told.session).await);
}

#[actix_rt::test]
async fn a_transport_that_comes_later_is_asked_soon() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let told = world.report(&agent, report(Signal::Rested)).await;
    world.notify(&bob, "api-codex", "hello").await;
    world.calm().await;
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    for _ in 0..3 {
        world.advance(Duration::from_secs(6)).await;
        world.calm().await;
    }
    terminal.wait_deliveries(1).await;
    let said = woken(&world, told.session).await;
    assert!(matches!(said.as_slice(), [RuntimeWoken::GaveUp { .. }, RuntimeWoken::Asked { .. }]), "{said:?}");
}

#[actix_rt::test]
async fn a_program_whose_record_never_shows_its_mail_is_not_woken_for_it_without_end() {
    let world = start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let told = world.report(&agent, report(Signal::Rested)).await;
    let sent = world.notify(&bob, "api-codex", "hello").await.message;
    terminal.wait_deliveries(1).await;
    terminal.take(Lane::Ctl, 1).await;
    let hook = |signal, missing: &[_]| Report { room: 9_000, missing: missing.to_vec(), ..report(signal) };
    let handed = world.report(&agent, hook(Signal::Prompted, &[])).await.messages;
    assert_eq!(handed.len(), 1);

    // The end of the turn hands it out again, and again; the third miss is the last.
    for attempt in 1..=3 {
        world.advance(Duration::from_secs(3)).await;
        let handed = world.report(&agent, hook(Signal::Rested, &[sent])).await.messages;
        assert_eq!(handed.len(), usize::from(attempt < 3), "attempt {attempt}");
    }
    world.report(&agent, hook(Signal::Rested, &[])).await;
    world.advance(Duration::from_secs(60)).await;
    world.calm().await;
    let said = woken(&world, told.session).await;
    assert!(
        matches!(said.as_slice(), [RuntimeWoken::Asked { .. }, RuntimeWoken::Began { .. }, RuntimeWoken::GaveUp { reason }]
        if reason.contains("3 times in a row")),
        "{said:?}"
    );

    // Whoever prompts it brings it; after a while it is tried again.
    world.advance(Duration::from_secs(300)).await;
    assert_eq!(terminal.wait_deliveries(2).await.len(), 2);
    assert_eq!(world.report(&agent, hook(Signal::Prompted, &[])).await.messages.len(), 1);
    world.report(&agent, Report { seen: vec![sent], ..report(Signal::Rested) }).await;
    world.notify(&bob, "api-codex", "and again").await;
    assert_eq!(
        world.report(&agent, hook(Signal::Rested, &[])).await.messages.len(),
        1,
        "what was seen makes it good again"
    );
}
