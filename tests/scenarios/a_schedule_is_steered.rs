//! A schedule is paused, resumed, run by hand and ended by whoever may, and shown to whoever sees its session.

use std::time::Duration;

use tieline_model::{
    Command, Lane, PrincipalKind, Reply,
    command::{ScheduleCreate, ScheduleList},
    outcome::Code,
    schedule::{RunOutcome, State},
};
use tieline_tests::{Outcomes, World, ask, notify, schedule, story};

const MINUTE: Duration = Duration::from_secs(60);

#[actix_rt::test]
async fn a_pause_leaves_out_its_instants_and_resuming_goes_on_with_the_next() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let start = world.now();
    let id = world.schedule(&alice, schedule("every 1m", notify("self", "tick"))).await.schedule.unwrap();
    world.advance(MINUTE).await;
    world.wait_runs(&alice, id, 1).await;
    world.steer(&alice, Command::SchedulePause, id).await.reply();
    assert_eq!(world.shown(&alice, id).await.state, State::Paused);
    world.pass(3, MINUTE).await;
    world.steer(&alice, Command::ScheduleResume, id).await.reply();
    world.advance(MINUTE).await;
    assert_eq!(story(&world.wait_runs(&alice, id, 2).await, start), ["60 fired", "300 fired"]);
    // Each a second time changes nothing.
    world.steer(&alice, Command::ScheduleResume, id).await.reply();
    assert_eq!(world.shown(&alice, id).await.state, State::Active);
}

#[actix_rt::test]
async fn the_only_instant_of_a_schedule_that_was_paused_over_it_comes_when_it_is_resumed() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let start = world.now();
    let id = world.schedule(&alice, schedule("in 1m", notify("self", "tick"))).await.schedule.unwrap();
    world.steer(&alice, Command::SchedulePause, id).await.reply();
    world.pass(3, MINUTE).await;
    assert!(world.runs(&alice, id).await.is_empty());
    world.steer(&alice, Command::ScheduleResume, id).await.reply();
    let runs = world.wait_runs(&alice, id, 1).await;
    assert_eq!((story(&runs, start), runs[0].late_ms), (vec!["60 fired".to_owned()], 120_000));
}

#[actix_rt::test]
async fn a_run_by_hand_is_out_of_turn() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let create = ScheduleCreate { max_runs: Some(1), ..schedule("every 1m", notify("self", "tick")) };
    let id = world.schedule(&alice, create).await.schedule.unwrap();
    for _ in 0..3 {
        let Reply::ScheduleRun(run) = world.steer(&alice, Command::ScheduleRun, id).await.reply() else {
            panic!("wanted a run")
        };
        assert!(run.by_hand && matches!(run.outcome, RunOutcome::Fired { message: Some(_) }), "{run:?}");
        assert!(run.at_ms >= run.nominal_ms);
    }
    world.advance(MINUTE).await;
    let runs = world.wait_runs(&alice, id, 4).await;
    assert_eq!(runs.iter().filter(|run| run.by_hand).count(), 3);
    assert_eq!(world.lane(&alice, Lane::Msg).await.items.len(), 4);
    assert_eq!(world.shown(&alice, id).await.runs, 1, "what is run by hand does not count");
}

#[actix_rt::test]
async fn a_schedule_that_was_cancelled_is_over() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let id = world.schedule(&alice, schedule("every 1m", notify("self", "tick"))).await.schedule.unwrap();
    world.steer(&alice, Command::ScheduleCancel, id).await.reply();
    world.pass(2, MINUTE).await;
    assert!(world.runs(&alice, id).await.is_empty());
    for command in [Command::ScheduleRun, Command::SchedulePause, Command::ScheduleResume] {
        assert_eq!(world.steer(&alice, command, id).await.refused().code, Code::TooLate);
    }
    let list = |include_done| Command::ScheduleList(ScheduleList { include_done, ..ScheduleList::default() });
    let Reply::Schedules(going) = world.call(&alice, list(false)).await.reply() else { panic!("wanted a list") };
    let Reply::Schedules(all) = world.call(&alice, list(true)).await.reply() else { panic!("wanted a list") };
    assert_eq!((going.schedules.len(), all.schedules.len()), (0, 1));
}

#[actix_rt::test]
async fn another_agent_sees_a_schedule_and_cannot_steer_it_and_a_stranger_does_not_see_it() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let stranger = world.token("stranger", PrincipalKind::Agent, Some(&["far"])).await;
    let id = world.schedule(&alice, schedule("every 1m", notify("self", "tick"))).await.schedule.unwrap();
    assert_eq!(world.shown(&bob, id).await.by, alice.id);
    let steering = [Command::ScheduleRun, Command::SchedulePause, Command::ScheduleResume, Command::ScheduleCancel];
    for command in steering {
        assert_eq!(world.steer(&bob, command, id).await.refused().code, Code::NotYourSession);
        assert_eq!(world.steer(&stranger, command, id).await.refused().code, Code::UnknownSchedule);
    }
    assert_eq!(world.steer(&stranger, Command::ScheduleGet, id).await.refused().code, Code::UnknownSchedule);
    let list = Command::ScheduleList(ScheduleList::default());
    let Reply::Schedules(page) = world.call(&stranger, list).await.reply() else { panic!("wanted a list") };
    assert!(page.schedules.is_empty());
    // A human has the scope for sessions that are not theirs.
    world.steer(world.human(), Command::ScheduleCancel, id).await.reply();
}

#[actix_rt::test]
async fn a_dry_run_tells_the_next_times_and_makes_nothing() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let create = ScheduleCreate {
        dry_run: true,
        zone: Some("Europe/Berlin".into()),
        ..schedule("weekdays 09:00", ask("self", "what is open?"))
    };
    let shown = world.schedule(&alice, create).await;
    assert_eq!((shown.schedule, shown.next.len()), (None, 5));
    assert_eq!(shown.words, "every Monday to Friday at 09:00 (Europe/Berlin)");
    // The world begins on a Sunday in June.
    assert_eq!(shown.next[0].local, "Mon 2025-06-16 09:00:00 +02:00");
    let Reply::Schedules(page) = world.call(&alice, Command::ScheduleList(ScheduleList::default())).await.reply()
    else {
        panic!("wanted a list")
    };
    assert!(page.schedules.is_empty());
}

#[actix_rt::test]
async fn a_list_comes_in_pages() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    for n in 0..5 {
        let create = ScheduleCreate { title: Some(n.to_string()), ..schedule("every 1h", notify("self", "tick")) };
        world.schedule(&alice, create).await;
    }
    let (mut titles, mut after) = (Vec::new(), None);
    loop {
        let list = ScheduleList { limit: Some(2), after, ..ScheduleList::default() };
        let Reply::Schedules(page) = world.call(&alice, Command::ScheduleList(list)).await.reply() else {
            panic!("wanted a list")
        };
        titles.extend(page.schedules.into_iter().filter_map(|view| view.title));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(titles, ["0", "1", "2", "3", "4"]);
}
