//! The state of a session follows from what happened, and `why` names it, from session to session.

use std::sync::Arc;

use tieline_model::{
    Command, EventBody, Lane, Principal, Reply, SessionId,
    command::{Happened, Record, SessionRef},
    event::{Activity, TurnOutcome},
    reply::{SessionState, Waiting, WaitingOn, Why},
    session::progress::Progress,
};
use tieline_tests::{Outcomes, World, address};

async fn record(world: &World, by: &Arc<Principal>, what: Activity) {
    let activities = vec![Happened { at_ms: None, what }];
    world.call(by, Command::Record(Record { session: None, source: None, activities })).await.reply();
}

async fn why(world: &World, by: &Arc<Principal>, session: &str) -> Why {
    match world.call(by, Command::Why(SessionRef { session: address(session) })).await.reply() {
        Reply::Why(why) => *why,
        other => panic!("{other:?}"),
    }
}

async fn state(world: &World, id: SessionId) -> SessionState {
    world.session(id).await.state
}

fn started() -> Activity {
    Activity::TurnStarted { turn: "1".into() }
}

fn ended() -> Activity {
    Activity::TurnEnded { turn: "1".into(), outcome: TurnOutcome::Completed, reason: None, duration_ms: None }
}

#[actix_rt::test]
async fn a_session_is_open_then_active_then_waiting_then_idle() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    assert_eq!(state(&world, alice.home).await, SessionState::Open);
    record(&world, &alice, started()).await;
    assert_eq!(state(&world, alice.home).await, SessionState::Active);
    let asked = world.ask(&alice, "bob", "may I?").await;
    assert_eq!(state(&world, alice.home).await, SessionState::Active, "it works on while it waits");
    record(&world, &alice, ended()).await;
    let view = world.session(alice.home).await;
    assert_eq!(view.state, SessionState::Waiting);
    let on = WaitingOn::Answer { ask: asked.message, from: bob.home };
    assert_eq!(view.waiting, Some(Waiting { on, since_ms: world.now() }));
    world.ack(&bob, asked.message, Some("yes")).await.reply();
    assert_eq!(state(&world, alice.home).await, SessionState::Idle);
    record(&world, &alice, started()).await;
    let asks = Activity::ApprovalAsked { approval: "a1".into(), subject: "rm -r build".into() };
    record(&world, &alice, asks).await;
    assert_eq!(state(&world, alice.home).await, SessionState::Waiting, "an approval stops a turn");
    let decided = Activity::ApprovalDecided { approval: "a1".into(), is_allowed: true, reason: None };
    record(&world, &alice, decided).await;
    assert_eq!(state(&world, alice.home).await, SessionState::Active);
}

#[actix_rt::test]
async fn an_ask_that_was_delivered_keeps_a_session_busy_until_it_answers() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let asked = world.ask(&alice, "bob", "may I?").await;
    assert_eq!(state(&world, bob.home).await, SessionState::Open, "nothing was delivered yet");
    let link = world.attach(&bob).await;
    link.wait_deliveries(1).await;
    link.take(Lane::Msg, 1).await;
    assert_eq!(state(&world, bob.home).await, SessionState::Active);
    world.ack(&bob, asked.message, None).await.reply();
    assert_eq!(state(&world, bob.home).await, SessionState::Idle);
}

#[actix_rt::test]
async fn a_chain_of_waits_is_followed_to_its_end() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    world.ask(&alice, "bob", "may I?").await;
    let last = world.ask(&bob, "carol", "may she?").await;
    let told = why(&world, &alice, "alice").await;
    assert_eq!(told.session.state, SessionState::Waiting);
    let of = |session: SessionId| {
        let told = &told.because;
        told.iter().filter(move |it| it.session == session).map(|it| (it.depth, it.what.as_str())).collect::<Vec<_>>()
    };
    let waits = "`alice` waits for the answer of `bob` to an ask, which was accepted and waits to be delivered";
    assert!(of(alice.home).contains(&(0, waits)), "{told:#?}");
    assert!(of(bob.home).iter().any(|it| it.0 == 1 && it.1.contains("waits for the answer of `carol`")), "{told:#?}");
    assert!(of(carol.home).contains(&(2, "1 messages wait until a writer attaches to `carol`")), "{told:#?}");
    world.ask(&carol, "alice", "what is it?").await;
    let circle = why(&world, &alice, "alice").await;
    assert!(circle.because.iter().any(|it| it.what.contains("`alice` waits for itself")), "{circle:#?}");
    world.ack(&carol, last.message, None).await.reply();
}

#[actix_rt::test]
async fn evidence_names_the_event_that_shows_it() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let link = world.attach(&alice).await;
    record(&world, &alice, started()).await;
    link.lose();
    world.calm().await;
    let told = why(&world, &alice, "alice").await;
    let timeline = world.timeline(alice.home).await;
    for because in told.because.iter().filter(|it| it.seq.is_some()) {
        let event = timeline.iter().find(|event| Some(event.seq) == because.seq).unwrap();
        let is_right = match &event.body {
            EventBody::PeerDetached { .. } => because.what.contains("left") || because.what.contains("went away"),
            EventBody::PeerAttached { .. } => because.what.contains("attached"),
            other => panic!("{other:?} for {because:?}"),
        };
        assert!(is_right, "{because:?} {event:?}");
    }
    assert!(told.because.len() >= 2, "{told:#?}");
}

#[actix_rt::test]
async fn what_is_kept_of_an_agent_is_what_its_events_say() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    let link = world.attach(&alice).await;
    let spent = |tokens| Activity::Spent {
        model: None,
        input_tokens: tokens,
        output_tokens: 1,
        cached_tokens: None,
        cost_micro_usd: Some(7),
    };
    for what in [started(), spent(10), ended(), started(), spent(5)] {
        record(&world, &alice, what).await;
    }
    link.lose();
    world.calm().await;
    world.restart().await;
    let mut rebuilt = Progress::default();
    for event in world.timeline(alice.home).await {
        rebuilt.fold(event.seq, event.at_ms, &event.body);
    }
    assert_eq!(world.progress(alice.home), rebuilt);
    assert_eq!((rebuilt.usage.input_tokens, rebuilt.usage.cost_micro_usd), (15, 14));
}
