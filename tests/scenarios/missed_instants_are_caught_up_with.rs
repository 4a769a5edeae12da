//! What was missed while the daemon was down, or while an ask was open, becomes what the policies say, and every instant is
//! told.

use std::time::Duration;

use tieline_model::{
    Command, Lane,
    command::{AskMany, Need, ScheduleCreate},
    schedule::{Misfire, Overlap, SkipReason, State},
};
use tieline_tests::{World, address, ask, eventually, notify, schedule, skipped, story};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

#[actix_rt::test]
async fn each_misfire_policy_after_a_night_without_a_daemon() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let mut ids = Vec::new();
    for misfire in [Misfire::Once, Misfire::Skip, Misfire::All { max: 2 }] {
        let create = ScheduleCreate { misfire, ..schedule("every 1h", notify("bob", "tick")) };
        ids.push(world.schedule(&alice, create).await.schedule.unwrap());
    }
    world.sleep(4 * HOUR + 30 * MINUTE).await;
    let mut told = Vec::new();
    for id in &ids {
        told.push(story(&world.wait_runs(&alice, *id, 4).await, start));
    }
    assert_eq!(told[0], ["3600 coalesced", "7200 coalesced", "10800 coalesced", "14400 fired"]);
    assert_eq!(told[1], ["3600 missed", "7200 missed", "10800 missed", "14400 missed"]);
    assert_eq!(told[2], ["3600 too_many", "7200 too_many", "10800 fired", "14400 fired"]);
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 3);
    assert_eq!(world.runs(&alice, ids[0]).await[0].late_ms, 30 * 60_000);
    let missed: Vec<u64> = world
        .timeline(alice.home)
        .await
        .iter()
        .filter_map(|event| match event.body {
            tieline_model::EventBody::ScheduleMissed { count, .. } => Some(count),
            _ => None,
        })
        .collect();
    assert_eq!(missed.iter().sum::<u64>(), 9, "{missed:?}");

    // From then on all are in time.
    world.advance(30 * MINUTE).await;
    for id in &ids {
        let runs = world.wait_runs(&alice, *id, 5).await;
        assert_eq!(story(&runs, start)[4], "18000 fired");
    }
}

#[actix_rt::test]
async fn what_lies_too_far_back_is_left_out_and_told_once() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    let start = world.now();
    let hourly = world.schedule(&alice, schedule("every 1h", notify("self", "tick"))).await.schedule.unwrap();
    let once = world.schedule(&alice, schedule("in 1h", notify("self", "once"))).await.schedule.unwrap();
    let stale = ScheduleCreate { catch_up_ms: Some(3_600_000), ..schedule("in 1h", notify("self", "stale")) };
    let stale = world.schedule(&alice, stale).await.schedule.unwrap();
    world.sleep(72 * HOUR).await;
    let runs = world.wait_runs(&alice, hourly, 26).await;
    let told = story(&runs, start);
    assert_eq!((told[0].as_str(), told[1].as_str()), ("3600 too_old", "172800 coalesced"));
    assert_eq!(told.last().unwrap(), &format!("{} fired", 72 * 3600));
    assert_eq!((told.len(), skipped(&runs, SkipReason::Coalesced)), (26, 24));
    // One instant is waited for longer: seven days when nothing is said.
    assert_eq!(story(&world.wait_runs(&alice, once, 1).await, start), ["3600 fired"]);
    assert_eq!(story(&world.wait_runs(&alice, stale, 1).await, start), ["3600 too_old"]);
    assert_eq!(world.shown(&alice, stale).await.state, State::Done);
}

#[actix_rt::test]
async fn a_jump_of_the_clock_is_a_misfire() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let start = world.now();
    let id = world.schedule(&alice, schedule("every 1m", notify("self", "tick"))).await.schedule.unwrap();
    world.advance(400 * 24 * HOUR).await;
    let shown =
        eventually("it has fired", || async { Some(world.shown(&alice, id).await).filter(|shown| shown.runs > 0) })
            .await;
    assert_eq!((shown.runs, shown.skipped), (1, 1441), "a day of minutes, and one row for all before");
    let told = story(&world.runs(&alice, id).await, start);
    assert_eq!(told.last().unwrap(), &format!("{} fired", 400 * 86_400));
}

#[actix_rt::test]
async fn each_overlap_policy_while_the_ask_is_open() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let mut ids = Vec::new();
    for overlap in [Overlap::Skip, Overlap::BufferOne, Overlap::Allow] {
        let create = ScheduleCreate { overlap, ..schedule("every 1m", ask("bob", "ready?")) };
        ids.push(world.schedule(&alice, create).await.schedule.unwrap());
    }
    for _ in 0..3 {
        world.advance(MINUTE).await;
        world.calm().await;
    }
    world.wait_runs(&alice, ids[2], 3).await;
    assert_eq!(story(&world.wait_runs(&alice, ids[0], 3).await, start), ["60 fired", "120 overlap", "180 overlap"]);
    assert_eq!(story(&world.wait_runs(&alice, ids[1], 2).await, start), ["60 fired", "180 overlap"]);
    assert_eq!(world.shown(&alice, ids[1]).await.held_ms, Some(start.plus_ms(120_000)));
    assert_eq!(story(&world.runs(&alice, ids[2]).await, start), ["60 fired", "120 fired", "180 fired"]);

    // The answer lets go of what was held back, at once.
    for item in world.inbox(&bob).await.items {
        world.ack(&bob, item.message.id, Some("yes")).await.unwrap();
    }
    let runs = world.wait_runs(&alice, ids[1], 3).await;
    assert_eq!(story(&runs, start), ["60 fired", "120 fired", "180 overlap"]);
    assert_eq!(runs[1].late_ms, 60_000, "it came when the ask was answered");
    world.advance(MINUTE).await;
    assert_eq!(story(&world.wait_runs(&alice, ids[0], 4).await, start)[3], "240 fired");
}

#[actix_rt::test]
async fn the_asks_of_a_group_are_one_question() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let both = Command::AskMany(AskMany {
        to: vec![address("bob"), address("carol")],
        text: "ready?".into(),
        need: Need::All,
        sender: None,
        expires_in_ms: None,
    });
    let start = world.now();
    let create = ScheduleCreate { overlap: Overlap::BufferOne, max_runs: Some(2), ..schedule("every 1m", both) };
    let id = world.schedule(&alice, create).await.schedule.unwrap();
    world.pass(2, MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    let asked = world.inbox(&bob).await.items[0].message.id;
    world.ack(&bob, asked, None).await.unwrap();
    world.calm().await;
    assert_eq!(story(&world.runs(&alice, id).await, start), ["60 fired"], "one of two answers is not enough");
    let asked = world.inbox(&carol).await.items[0].message.id;
    world.ack(&carol, asked, None).await.unwrap();
    assert_eq!(story(&world.wait_runs(&alice, id, 2).await, start), ["60 fired", "120 fired"]);
    assert_eq!(world.shown(&alice, id).await.state, State::Done);
}

#[actix_rt::test]
async fn what_is_held_back_survives_the_daemon() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let start = world.now();
    let create =
        ScheduleCreate { overlap: Overlap::BufferOne, max_runs: Some(2), ..schedule("every 1m", ask("bob", "?")) };
    let id = world.schedule(&alice, create).await.schedule.unwrap();
    world.pass(2, MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    world.restart().await;
    let asked = world.inbox(&bob).await.items[0].message.id;
    world.ack(&bob, asked, None).await.unwrap();
    assert_eq!(story(&world.wait_runs(&alice, id, 2).await, start), ["60 fired", "120 fired"]);
}

#[actix_rt::test]
async fn a_schedule_that_cannot_be_fired_holds_up_no_other() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let sick = world.schedule(&alice, schedule("every 1m", ask("bob", "ready?"))).await.schedule.unwrap();
    let sound = world.schedule(&alice, schedule("every 1m", notify("bob", "tick"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, sick, 1).await;
    world.wait_runs(&alice, sound, 1).await;
    world.kill().await;
    // The ask that it looks at is not what any daemon writes.
    let sql =
        "import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); db.execute('UPDATE asks SET state=99'); db.commit()";
    let done = std::process::Command::new("python3").args(["-c", sql]).arg(world.database()).status().unwrap();
    assert!(done.success());
    world.restart().await;
    world.advance(MINUTE).await;
    world.wait_runs(&alice, sound, 2).await;
    let shown = world.shown(&alice, sick).await;
    assert_eq!(
        (shown.state, shown.reason.as_deref().map(|reason| reason.contains("log"))),
        (State::Paused, Some(true))
    );
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 3);
}
