//! A timeline is read a page at a time from either end, several merged in the order of recording, and nobody reads one
//! that is out of reach.

use std::sync::Arc;

use tieline_model::{Code, Command, Event, Principal, PrincipalKind, Reply, command::Timeline, reply::TimelinePage};
use tieline_tests::{Outcomes, World, address};

async fn page(world: &World, by: &Arc<Principal>, ask: Timeline) -> TimelinePage {
    match world.call(by, Command::Timeline(ask)).await.reply() {
        Reply::Timeline(page) => page,
        other => panic!("{other:?}"),
    }
}

/// Reads everything in one direction, so many at a time.
async fn walk(world: &World, by: &Arc<Principal>, of: &[&str], limit: u32, is_forward: bool) -> Vec<Event> {
    let sessions = of.iter().map(|name| address(name)).collect::<Vec<_>>();
    let mut all: Vec<Event> = Vec::new();
    loop {
        let mut ask = Timeline { sessions: sessions.clone(), limit: Some(limit), ..Timeline::default() };
        if is_forward {
            ask.after = Some(all.last().map_or(0, |event| event.cursor));
        } else {
            ask.before = all.first().map(|event| event.cursor);
        }
        let TimelinePage { events, has_more } = page(world, by, ask).await;
        assert!(events.len() == limit as usize || !has_more, "a short page says that it is the last");
        let at = if is_forward { all.len() } else { 0 };
        all.splice(at..at, events);
        if !has_more {
            return all;
        }
    }
}

#[actix_rt::test]
async fn pages_of_any_size_in_either_direction_are_the_same_timeline() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 0..20 {
        let (from, to) = if n % 3 == 0 { (&bob, "alice") } else { (&alice, "bob") };
        world.notify(from, to, &format!("message {n}")).await;
    }
    for of in [&["alice"][..], &["bob"], &["alice", "bob", "human"], &["bob", "bob"]] {
        let whole = page(
            &world,
            &alice,
            Timeline {
                sessions: of.iter().map(|name| address(name)).collect(),
                limit: Some(500),
                ..Timeline::default()
            },
        )
        .await;
        assert!(!whole.has_more && whole.events.len() > 6, "{of:?}: {}", whole.events.len());
        assert!(whole.events.windows(2).all(|pair| pair[0].cursor < pair[1].cursor), "{of:?}");
        for limit in [1, 2, 3, 7, 100] {
            for is_forward in [true, false] {
                let walked = walk(&world, &alice, of, limit, is_forward).await;
                assert_eq!(walked, whole.events, "{of:?}, {limit} at a time, forward: {is_forward}");
            }
        }
    }
    // Merged, each timeline is whole: its own numbers have no gap.
    let merged = walk(&world, &alice, &["alice", "bob"], 5, false).await;
    for session in [alice.home, bob.home] {
        let numbers: Vec<u64> = merged.iter().filter(|it| it.session == session).map(|it| it.seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}

#[actix_rt::test]
async fn a_page_without_a_name_is_the_callers_own_and_stays_as_it_is() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    world.notify(&alice, "bob", "one").await;
    let own = page(&world, &bob, Timeline::default()).await;
    assert!(own.events.iter().all(|event| event.session == bob.home));
    let newest = own.events.last().expect("an event").cursor;
    world.notify(&alice, "bob", "two").await;
    let before = page(&world, &bob, Timeline { before: Some(newest + 1), ..Timeline::default() }).await;
    assert_eq!(before, own, "what comes later changes no earlier page");
    let after = page(&world, &bob, Timeline { after: Some(newest), ..Timeline::default() }).await;
    assert_eq!(after.events.iter().map(|event| event.body.kind()).collect::<Vec<_>>(), ["message_accepted"]);
}

#[actix_rt::test]
async fn what_is_out_of_reach_and_what_makes_no_sense_is_refused() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let far = world.token("far", PrincipalKind::Agent, Some(&["elsewhere"])).await;
    let home = far.home.to_string();
    for (ask, code, field) in [
        (
            Timeline { sessions: vec![address(&home)], ..Timeline::default() },
            Code::UnknownSession,
            "timeline.sessions[0]",
        ),
        (
            Timeline { sessions: vec![address("alice"), address("nobody")], ..Timeline::default() },
            Code::UnknownSession,
            "timeline.sessions[1]",
        ),
        (Timeline { after: Some(1), before: Some(9), ..Timeline::default() }, Code::BadInput, "timeline.before"),
        (Timeline { limit: Some(501), ..Timeline::default() }, Code::BadInput, "timeline.limit"),
        (Timeline { sessions: vec![address("alice"); 21], ..Timeline::default() }, Code::BadInput, "timeline.sessions"),
    ] {
        let refusal = world.call(&alice, Command::Timeline(ask)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)));
    }
    // The ends of the range of cursors are no mistake.
    let none = page(&world, &alice, Timeline { after: Some(i64::MAX), ..Timeline::default() }).await;
    assert_eq!(none, TimelinePage::default());
    let none = page(&world, &alice, Timeline { before: Some(i64::MIN), ..Timeline::default() }).await;
    assert_eq!(none, TimelinePage::default());
}
