//! A session's timeline counts from one without gaps, and a live reader sees each event once, in order, however
//! busy it is.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tieline_engine::feed::{Feed, Live};
use tieline_model::{Event, Lane};
use tieline_tests::{LIMIT, World, notify};

const SENDERS: usize = 4;
const EACH: usize = 100;

async fn read(feed: &mut Feed) -> Event {
    let next = tokio::time::timeout(LIMIT, feed.next()).await.expect("an event comes in time");
    match next.expect("the feed goes on as long as the daemon") {
        Live::Event(event) => *event,
        Live::Gap(gap) => panic!("nothing was purged: {gap:?}"),
    }
}

#[actix_rt::test]
async fn a_live_reader_sees_each_event_once_across_a_concurrent_load() {
    let world = World::start().await;
    let mut agents = Vec::new();
    for n in 0..SENDERS {
        agents.push(world.agent(&format!("agent-{n}")).await);
    }
    let shared = world.engine().door.shared();
    let mut live = Feed::open(shared, world.human(), &[], None).await.expect("a feed");
    let mut whole = Feed::open(shared, world.human(), &[], Some(0)).await.expect("a feed");
    let start = world.engine().store().readers().take().last_cursor().expect("a cursor");

    let links: Vec<_> = {
        let mut links = Vec::new();
        for agent in &agents {
            links.push(world.attach(agent).await);
        }
        links
    };
    for round in 0..EACH {
        for (n, link) in links.iter().enumerate() {
            let to = format!("agent-{}", (n + 1 + round % (SENDERS - 1)) % SENDERS);
            link.send(None, notify(&to, &format!("{n}-{round}")));
        }
        if round % 10 == 0 {
            tokio::task::yield_now().await;
            let seen = links[0].deliveries().iter().map(|it| it.seq).max().unwrap_or_default();
            links[0].take_silently(Lane::Msg, seen);
        }
    }
    // Each accepted message is one event in its receiver's timeline.
    let mut events: Vec<Event> = Vec::new();
    let mut accepted = 0;
    while accepted < SENDERS * EACH {
        let event = read(&mut live).await;
        accepted += usize::from(event.body.kind() == "message_accepted");
        events.push(event);
    }
    assert_eq!(events[0].cursor, start + 1);
    assert!(events.windows(2).all(|pair| pair[1].cursor == pair[0].cursor + 1), "a gap or a repeat");

    let mut all: Vec<Event> = Vec::new();
    while all.last().is_none_or(|event| event.cursor < events[events.len() - 1].cursor) {
        all.push(read(&mut whole).await);
    }
    assert_eq!(all[all.len() - events.len()..], events, "a reader from the start sees the same");

    let mut timelines: HashMap<_, Vec<Event>> = HashMap::new();
    for event in all {
        timelines.entry(event.session).or_default().push(event);
    }
    for (session, seen) in timelines {
        let seqs: Vec<u64> = seen.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{session}");
        assert_eq!(world.timeline(session).await[..seen.len()], seen);
    }
}

#[actix_rt::test]
async fn a_reader_resumes_after_its_cursor_across_a_restart() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    world.agent("bob").await;
    let human = Arc::clone(world.human());
    let mut feed = Feed::open(world.engine().door.shared(), &human, &[], Some(0)).await.expect("a feed");
    let first = read(&mut feed).await;
    world.notify(&alice, "bob", "one").await;
    world.restart().await;
    assert!(
        tokio::time::timeout(Duration::from_secs(10), async { while feed.next().await.is_some() {} }).await.is_ok(),
        "a feed of a daemon that is gone ends"
    );
    world.notify(&alice, "bob", "two").await;
    let mut feed = Feed::open(world.engine().door.shared(), &human, &[], Some(first.cursor)).await.expect("a feed");
    let last = world.engine().store().readers().take().last_cursor().expect("a cursor");
    for cursor in first.cursor + 1..=last {
        assert_eq!(read(&mut feed).await.cursor, cursor);
    }
}

#[actix_rt::test]
async fn a_reader_sees_only_what_is_in_its_reach() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let far = world.token("far", tieline_model::PrincipalKind::Agent, Some(&["elsewhere"])).await;
    world.notify(&alice, "human", "one").await;
    world.notify(&far, "far", "to myself").await;
    let mut feed = Feed::open(world.engine().door.shared(), &far, &[], Some(0)).await.expect("a feed");
    let mut seen = Vec::new();
    while seen.last() != Some(&"message_accepted") {
        let event = read(&mut feed).await;
        assert_eq!(event.session, far.home);
        seen.push(event.body.kind());
    }
    assert_eq!(seen, ["session_opened", "token_created", "message_accepted"]);
}
