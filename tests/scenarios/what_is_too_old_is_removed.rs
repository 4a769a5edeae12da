//! What is older than it is to be kept is removed by itself, a kind at a time; what is needed stays, however old it is.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Command, Lane, Principal, SessionId,
    ask::AskState,
    command::{Ask, Happened, MessageRef, ReceiptState, Record, Search, SessionRef},
    event::{Activity, ChatRole},
    reply::{Reply, SessionState},
};
use tieline_tests::{Outcomes, World, address, ask, eventually, notify};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The sweep comes four times a day.
const A_DAY_AND_A_BIT: Duration = Duration::from_secs(31 * 60 * 60);

async fn say(world: &World, by: &Arc<Principal>, text: &str) {
    let what = Activity::Said { role: ChatRole::Assistant, text: text.to_owned(), model: None };
    let record = Record { session: None, source: None, activities: vec![Happened { at_ms: None, what }] };
    world.call(by, Command::Record(record)).await.reply();
}

async fn take_all(world: &World, who: &Arc<Principal>) {
    let link = world.attach(who).await;
    for lane in Lane::ALL {
        let through = world.lane(who, lane).await.items.last().map_or(0, |item| item.seq);
        link.receipt(lane, through, ReceiptState::Seen).await.reply();
    }
    link.lose();
}

async fn hits(world: &World, query: &str) -> usize {
    let search = Search { query: query.into(), ..Search::default() };
    match world.call(world.human(), Command::Search(search)).await.reply() {
        Reply::Found(page) => page.hits.len(),
        other => panic!("{other:?}"),
    }
}

async fn first_kept(world: &World, session: SessionId) -> u64 {
    world.timeline(session).await.first().map_or(0, |event| event.seq)
}

#[actix_rt::test]
async fn each_kind_goes_in_its_time_and_what_is_needed_stays() {
    let world = World::start_with(|config| {
        let retention = &mut config.retention;
        (retention.events_days, retention.messages_days) = (1, 2);
        (retention.archived_days, retention.outcomes_days) = (4, 1);
    })
    .await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let old = world.open(&alice, "an old affair").await;
    say(&world, &alice, "xylophones are old").await;
    say(&world, &bob, "xylophones are older").await;
    let told = world.call_once(&bob, Some("k1"), notify("alice", "the xylophone is out of tune")).await.accepted();
    take_all(&world, &alice).await;
    world.calm().await;
    world.advance(Duration::from_secs(1)).await;
    let mut open = Ask::new(address("bob"), "which xylophone?".to_owned());
    open.expires_in_ms = Some(20 * 24 * 60 * 60 * 1_000);
    let asked = world.call(&alice, Command::Ask(open)).await.accepted();
    take_all(&world, &bob).await;
    world.call(&alice, Command::SessionClose(SessionRef { session: address("an old affair") })).await.reply();
    let number = async |session, kind: &str| {
        let events = world.timeline(session).await;
        events.iter().find(|event| event.body.kind() == kind).map(|event| event.seq).expect("the event")
    };
    let (asked_at, came_at) = (number(alice.home, "ask_opened").await, number(bob.home, "message_accepted").await);
    assert_eq!(hits(&world, "xylophone*").await, 4);

    // Events go up to what is needed.
    world.advance(A_DAY_AND_A_BIT).await;
    eventually("old events are gone", || async { (first_kept(&world, bob.home).await == came_at).then_some(()) }).await;
    assert_eq!(first_kept(&world, alice.home).await, asked_at, "the ask is open: what tells of it stays");
    let trace = async |message| world.call(world.human(), Command::Trace(MessageRef { message })).await.trace();
    assert_eq!(trace(told.message).await.message.text.as_deref(), Some("the xylophone is out of tune"));
    eventually("what was answered is forgotten", || async {
        let again = world.call_once(&bob, Some("k1"), notify("alice", "the xylophone is out of tune")).await.accepted();
        (again.message != told.message).then_some(())
    })
    .await;
    assert_eq!(hits(&world, "xylophone*").await, 1 + 1, "the ask, and the notify that was given again");
    assert!(world.timeline(bob.home).await.iter().all(|event| event.body.kind() != "purged"), "no event tells of it");

    // Then words, but for those of the ask.
    take_all(&world, &alice).await;
    world.advance(DAY).await;
    eventually("old words are gone", || async { trace(told.message).await.message.purged.then_some(()) }).await;
    let asked_now = trace(asked.message).await;
    assert_eq!(asked_now.ask.expect("an ask").state, AskState::Open);
    assert_eq!(asked_now.message.text.as_deref(), Some("which xylophone?"));

    // Then what was closed.
    assert_eq!(world.session(old.id).await.title, "an old affair");
    world.advance(3 * DAY).await;
    eventually("an old session is gone", || async { (world.session(old.id).await.title == "purged").then_some(()) })
        .await;
    assert_eq!(world.session(old.id).await.state, SessionState::Closed);
    let restore = Command::SessionRestore(SessionRef { session: address(&old.id.to_string()) });
    assert_eq!(world.call(world.human(), restore).await.refused().code, tieline_model::Code::Purged);

    // The ask is answered, and becomes as old as anything.
    world.ack(&bob, asked.message, Some("that one")).await.reply();
    take_all(&world, &alice).await;
    world.advance(3 * DAY).await;
    eventually("the ask is gone", || async { trace(asked.message).await.message.purged.then_some(()) }).await;
    assert_eq!(trace(asked.message).await.ask.expect("an ask").state, AskState::Answered);
    eventually("search has forgotten all", || async { (hits(&world, "xylophone*").await == 0).then_some(()) }).await;
}

#[actix_rt::test]
async fn nothing_is_removed_unless_somebody_wants_it() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let told = world.call_once(&alice, Some("k"), notify("bob", "for ever")).await.accepted();
    let asked = world.call(&alice, ask("bob", "really?")).await.accepted();
    take_all(&world, &bob).await;
    let before = world.timeline(bob.home).await;
    for _ in 0..4 {
        world.advance(400 * DAY).await;
    }
    assert_eq!(world.timeline(bob.home).await[..before.len()], before);
    let again = world.call_once(&alice, Some("k"), notify("bob", "for ever")).await.accepted();
    assert_eq!(again.message, told.message);
    let trace = world.call(&bob, Command::Trace(MessageRef { message: asked.message })).await.trace();
    assert_eq!(trace.message.text.as_deref(), Some("really?"));
}
