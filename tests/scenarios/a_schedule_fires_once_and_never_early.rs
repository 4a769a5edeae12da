//! Each instant of a schedule is one message, never before its time, whatever the clock and the daemon do.

use std::{collections::BTreeSet, time::Duration};

use tieline_model::{
    Command, EventBody, Lane, MessageKind, PrincipalKind, TimestampMs,
    command::ScheduleCreate,
    event::ScheduleChange,
    outcome::Code,
    schedule::{RunOutcome, State},
};
use tieline_tests::{Outcomes, World, notify, schedule, story};

const MINUTE: Duration = Duration::from_secs(60);

#[actix_rt::test]
async fn a_single_instant_is_one_message_at_its_time() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    let made = world.schedule(&alice, schedule("in 10m", notify("bob", "now"))).await;
    let id = made.schedule.unwrap();
    let wanted = world.now().plus_ms(600_000);
    assert_eq!((made.next.len(), made.next[0].at_ms, made.state), (1, wanted, State::Active));

    world.advance(Duration::from_millis(599_999)).await;
    assert_eq!(at_bob.deliveries(), [], "never early");
    assert!(world.runs(&alice, id).await.is_empty());
    world.advance(Duration::from_millis(1)).await;

    let got = at_bob.wait_deliveries(1).await;
    let message = &got[0].message;
    assert_eq!((message.text.as_deref(), message.kind), (Some("now"), MessageKind::Notify));
    let runs = world.wait_runs(&alice, id, 1).await;
    assert_eq!((runs.len(), runs[0].nominal_ms, runs[0].late_ms, runs[0].by_hand), (1, wanted, 0, false));
    assert_eq!(runs[0].outcome, RunOutcome::Fired { message: Some(message.id) });
    let shown = world.shown(&alice, id).await;
    assert_eq!((shown.state, shown.runs, shown.next), (State::Done, 1, vec![]));
    world.advance(Duration::from_secs(86_400)).await;
    assert_eq!(world.runs(&alice, id).await.len(), 1);
}

#[actix_rt::test]
async fn the_message_names_its_maker_and_that_it_was_a_schedule() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let id = world.schedule(&alice, schedule("in 1m", notify("bob", "x"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    let inbox = world.inbox(&bob).await;
    let from = &inbox.items[0].message.from;
    assert_eq!((from.principal, from.kind, from.session), (alice.id, PrincipalKind::Schedule, alice.home));

    // The timeline of its session tells the whole story.
    let events = world.timeline(alice.home).await;
    let kinds: Vec<&str> =
        events.iter().map(|event| event.body.kind()).filter(|kind| kind.starts_with("schedule")).collect();
    assert_eq!(kinds, ["schedule_created", "schedule_fired", "schedule_changed"]);
    let fired = events.iter().find_map(|event| match &event.body {
        EventBody::ScheduleFired { nominal_ms, late_ms, by, message, .. } => Some((nominal_ms, late_ms, by, message)),
        _ => None,
    });
    assert_eq!(fired, Some((&world.now(), &0, &alice.id, &Some(inbox.items[0].message.id))));
    assert!(matches!(
        events.last().unwrap().body,
        EventBody::ScheduleChanged { change: ScheduleChange::Done, by: None, .. }
    ));
}

#[actix_rt::test]
async fn every_instant_is_one_message_also_over_restarts_and_to_an_offline_session() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let id = world.schedule(&alice, schedule("every 1m", notify("bob", "tick"))).await.schedule.unwrap();
    for n in 1..=6 {
        world.advance(MINUTE).await;
        world.wait_runs(&alice, id, n).await;
        if n % 2 == 0 {
            world.restart().await;
        }
    }
    let told = story(&world.runs(&alice, id).await, start);
    assert_eq!(told, ["60 fired", "120 fired", "180 fired", "240 fired", "300 fired", "360 fired"]);
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 6);
}

#[actix_rt::test]
async fn a_clock_that_is_set_back_repeats_nothing_and_loses_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let id = world.schedule(&alice, schedule("every 1m", notify("bob", "tick"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    world.set_back(Duration::from_secs(400 * 86_400)).await;
    world.pass(5, MINUTE).await;
    assert_eq!(world.runs(&alice, id).await.len(), 1);
    world.advance(Duration::from_secs(400 * 86_400 - 5 * 60)).await;
    assert_eq!(world.runs(&alice, id).await.len(), 1, "the instants of before the jump are over");
    world.advance(MINUTE).await;
    let runs = world.wait_runs(&alice, id, 2).await;
    let nominals: BTreeSet<TimestampMs> = runs.iter().map(|run| run.nominal_ms).collect();
    assert_eq!((nominals.len(), world.lane(&bob, Lane::Msg).await.items.len()), (2, 2));
    assert!(runs.iter().all(|run| run.at_ms >= run.nominal_ms));
}

#[actix_rt::test]
async fn a_schedule_ends_with_its_last_run_and_at_its_end() {
    let world = World::start().await;
    let (alice, _bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let twice = ScheduleCreate { max_runs: Some(2), ..schedule("every 1m", notify("bob", "twice")) };
    let twice = world.schedule(&alice, twice).await;
    assert_eq!(twice.next.len(), 2, "no more instants are shown than are left");
    let until = ScheduleCreate { until: Some("in 3m".into()), ..schedule("every 1m", notify("bob", "thrice")) };
    let until = world.schedule(&alice, until).await.schedule.unwrap();
    let twice = twice.schedule.unwrap();
    for _ in 0..5 {
        world.advance(MINUTE).await;
    }
    world.wait_runs(&alice, until, 3).await;
    assert_eq!(story(&world.runs(&alice, twice).await, start), ["60 fired", "120 fired"]);
    assert_eq!(story(&world.runs(&alice, until).await, start), ["60 fired", "120 fired", "180 fired"]);
    for id in [twice, until] {
        assert_eq!(world.shown(&alice, id).await.state, State::Done);
    }
    let never = ScheduleCreate { until: Some("in 10s".into()), ..schedule("every 1m", notify("bob", "x")) };
    let refusal = world.call(&alice, Command::ScheduleCreate(never)).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("schedule_create.until")));
}

#[actix_rt::test]
async fn when_the_clocks_change_an_instant_is_kept_once() {
    let mut world = World::start().await;
    let (alice, _bob) = (world.agent("alice").await, world.agent("bob").await);
    let daily = |time: &str| schedule(&format!("every day at {time} America/New_York"), notify("bob", time));
    let gap = world.schedule(&alice, daily("02:30")).await.schedule.unwrap();
    let twice = world.schedule(&alice, daily("01:30")).await.schedule.unwrap();
    // 2025-11-02 has 01:30 twice, 2026-03-08 has no 02:30.
    for (night, wanted) in [("2025-11-02", "2025-11-02T05:30:00Z"), ("2026-03-08", "2026-03-08T07:00:00Z")] {
        let evening = TimestampMs(at(&format!("{night}T03:00:00Z")));
        world.sleep(Duration::from_millis(u64::try_from(evening.0 - world.now().0).unwrap())).await;
        world.calm().await;
        world.pass(7 * 4, Duration::from_secs(15 * 60)).await;
        let id = if night == "2025-11-02" { twice } else { gap };
        let nominals: Vec<i64> = world.runs(&alice, id).await.iter().map(|run| run.nominal_ms.0).collect();
        let of_night: Vec<&i64> = nominals.iter().filter(|nominal| **nominal >= evening.0).collect();
        assert_eq!(of_night, [&at(wanted)], "{night}");
    }
}

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

#[actix_rt::test]
async fn a_thousand_of_the_same_second_are_a_thousand_messages() {
    let world = World::start_with(|config| config.limits.inbox_messages = 5_000).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let when = "in 1h";
    for n in 0..1_000 {
        world.schedule(&alice, schedule(when, notify("bob", &n.to_string()))).await;
    }
    world.advance(Duration::from_secs(3_599)).await;
    assert!(world.inbox(&bob).await.items.is_empty());
    let started = tokio::time::Instant::now();
    world.advance(Duration::from_secs(1)).await;
    tieline_tests::eventually("all have fired", || async {
        (world.session(bob.home).await.pending == 1_000).then_some(())
    })
    .await;
    println!("a thousand schedules fired within {:?}", started.elapsed());
    world.advance(Duration::from_secs(3_600)).await;
    assert_eq!(world.session(bob.home).await.pending, 1_000);
}

#[actix_rt::test]
async fn what_older_time_zone_data_found_is_found_anew_at_the_start() {
    let mut world = World::start().await;
    let (alice, _bob) = (world.agent("alice").await, world.agent("bob").await);
    let made = world.schedule(&alice, schedule("every day at 09:00 Europe/Berlin", notify("bob", "x"))).await;
    let (id, right) = (made.schedule.unwrap(), made.next[0].at_ms);
    world.kill().await;
    // Another government, another hour: what is stored is of other data.
    let mut bytes = std::fs::read(world.database()).unwrap();
    let wrong = right.plus_ms(3_600_000);
    replace(&mut bytes, &right.0.to_be_bytes()[2..], &wrong.0.to_be_bytes()[2..]);
    replace(&mut bytes, tieline_model::schedule::zone_data_version().as_bytes(), b"2000a");
    std::fs::write(world.database(), bytes).unwrap();
    world.restart().await;
    tieline_tests::eventually("the instant was found anew", || async {
        (world.shown(&alice, id).await.next[0].at_ms == right).then_some(())
    })
    .await;
    world.advance(Duration::from_millis(u64::try_from(right.0 - world.now().0).unwrap())).await;
    let runs = world.wait_runs(&alice, id, 1).await;
    assert_eq!((runs[0].nominal_ms, runs[0].late_ms), (right, 0));
}

/// Puts something of the same length everywhere in place of something.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let places: Vec<usize> =
        bytes.windows(old.len()).enumerate().filter(|(_, it)| *it == old).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "it is not in the file");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}
