//! An agent's activities are recorded on its own timeline, in order and whole, and on nobody else's.

use tieline_model::{
    Code, Command, EventBody, Reply,
    command::{Happened, Record, Timeline},
    event::{Activity, ChatRole},
};
use tieline_tests::{Outcomes, World, address};

fn said(text: &str) -> Happened {
    Happened { at_ms: None, what: Activity::Said { role: ChatRole::Assistant, text: text.into(), model: None } }
}

fn record(session: Option<&str>, activities: Vec<Happened>) -> Command {
    Command::Record(Record { session: session.map(address), source: None, activities })
}

#[actix_rt::test]
async fn activities_are_on_the_timeline_in_order() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let all: Vec<Happened> = (0..500).map(|n| said(&format!("sentence {n}"))).collect();
    let Reply::Recorded(view) = world.call(&alice, record(None, all.clone())).await.reply() else { panic!() };
    assert_eq!((view.session, view.last_seq - view.first_seq), (alice.home, 499));
    let ask = Timeline { limit: Some(500), ..Timeline::default() };
    let Reply::Timeline(page) = world.call(&alice, Command::Timeline(ask)).await.reply() else { panic!() };
    assert_eq!(page.events.last().map(|event| event.seq), Some(view.last_seq));
    let found: Vec<&Activity> = page
        .events
        .iter()
        .map(|event| match &event.body {
            EventBody::Activity(recorded) if recorded.by == alice.id => &recorded.what,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, all.iter().map(|happened| &happened.what).collect::<Vec<_>>());
}

fn saying(text: &str) -> Happened {
    Happened { at_ms: None, what: Activity::Saying { role: ChatRole::Assistant, text: text.into() } }
}

async fn sentences(world: &World, session: tieline_model::SessionId) -> Vec<String> {
    let timeline = world.timeline(session).await;
    let said = timeline.into_iter().filter_map(|event| match event.body {
        EventBody::Activity(recorded) => recorded.what.texts().first().map(|text| (*text).to_owned()),
        _ => None,
    });
    said.collect()
}

#[actix_rt::test]
async fn pieces_become_one_sentence_when_it_is_complete() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    for pieces in [vec![saying("I ")], vec![saying("look "), saying("at it")]] {
        world.call(&alice, record(None, pieces)).await.reply();
    }
    assert_eq!(sentences(&world, alice.home).await, Vec::<String>::new());
    world.restart().await;
    let draft = world.session(alice.home).await.draft.unwrap();
    assert_eq!(draft.text, "I look at it", "pieces survive the daemon");
    let tool = Activity::ToolCalled { call: "c1".into(), tool: "Read".into(), input: "x.rs".into() };
    world.call(&alice, record(None, vec![Happened { at_ms: None, what: tool }, saying("It is ")])).await.reply();
    world.call(&alice, record(None, vec![said("It is fine.")])).await.reply();
    assert_eq!(sentences(&world, alice.home).await, ["I look at it", "x.rs", "It is fine."]);
    let link = world.attach(&alice).await;
    world.call(&alice, record(None, vec![saying("And then")])).await.reply();
    link.lose();
    world.calm().await;
    assert_eq!(sentences(&world, alice.home).await.last().unwrap(), "And then");
    assert_eq!(world.session(alice.home).await.draft, None);
}

#[actix_rt::test]
async fn what_is_not_ones_own_or_too_much_is_refused_and_leaves_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let refusals = [
        (record(Some("bob"), vec![said("x")]), Code::NotYourSession, "record.session"),
        (record(None, Vec::new()), Code::BadInput, "record.activities"),
        (record(None, vec![said("x"); 501]), Code::BadInput, "record.activities"),
        (record(None, vec![said("x"), said(&"x".repeat(262_145))]), Code::TooLarge, "record.activities[1].what"),
    ];
    for (command, code, field) in refusals {
        let refusal = world.call(&alice, command).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)));
    }
    for who in [&alice, &bob] {
        let Reply::Timeline(page) = world.call(who, Command::Timeline(Timeline::default())).await.reply() else {
            panic!()
        };
        assert!(page.events.iter().all(|event| !matches!(event.body, EventBody::Activity(_))));
    }
}
