//! The hooks of an agent program report, open its session, and are handed its mail; only its own record is evidence.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Code, Command, DeliveryState, EventBody, MessageId, Principal, Reply,
    command::{Happened, Report, RuntimeFind},
    event::{Activity, RuntimeHanded, TurnOutcome},
    reply::{Reported, SessionState},
    runtime::{Presence, ProcessId, Signal},
};
use tieline_tests::{Outcomes, World, notify};

const ROOM: u32 = 9_000;

fn report(signal: Signal) -> Report {
    Report { folder: Some("/work/api".into()), ..Report::new("claude", "n-1", &format!("{signal:?}"), signal) }
}

fn did(mut report: Report, activities: &[Activity]) -> Report {
    report.activities = activities.iter().map(|what| Happened { at_ms: None, what: what.clone() }).collect();
    report
}

/// Reports from a hook that can bring words before the model.
async fn take(world: &World, by: &Arc<Principal>, signal: Signal) -> Reported {
    world.report(by, Report { room: ROOM, ..report(signal) }).await
}

fn ids(told: &Reported) -> Vec<MessageId> {
    told.messages.iter().map(|message| message.id).collect()
}

async fn state(world: &World, by: &Arc<Principal>, message: MessageId) -> DeliveryState {
    world.trace(by, message).await.deliveries[0].delivery.state
}

#[actix_rt::test]
async fn a_first_report_opens_a_session_and_what_it_is_at_is_known() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let told = world.report(&agent, report(Signal::Started)).await;
    assert_eq!((told.title.as_str(), told.is_new), ("api-claude", true));
    let presence = async || world.session(told.session).await.runtime.expect("a program").presence;
    assert_eq!(presence().await, Presence::Idle);

    let begun = did(report(Signal::Prompted), &[Activity::TurnStarted { turn: "1".into() }]);
    let again = world.report(&agent, begun).await;
    assert_eq!((again.session, again.is_new), (told.session, false));
    assert_eq!(presence().await, Presence::Working);
    assert_eq!(world.session(told.session).await.state, SessionState::Active);

    let asked = Activity::ApprovalAsked { approval: "k".into(), subject: "Bash: touch x".into() };
    world.report(&agent, did(report(Signal::Working), &[asked])).await;
    assert_eq!(presence().await, Presence::WaitingForPermission);
    let allowed = Activity::ApprovalDecided { approval: "k".into(), is_allowed: true, reason: None };
    world.report(&agent, did(report(Signal::Working), &[allowed])).await;
    assert_eq!(presence().await, Presence::Working);

    world.report(&agent, report(Signal::Ended)).await;
    assert_eq!(presence().await, Presence::Offline);
}

#[actix_rt::test]
async fn a_decision_on_a_permission_that_nobody_asked_for_is_not_told() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let ran = Activity::ApprovalDecided { approval: "k".into(), is_allowed: true, reason: None };
    let told = world.report(&agent, did(report(Signal::Working), &[ran])).await;
    let events = world.timeline(told.session).await;
    assert!(!events.iter().any(|event| event.body.kind() == "approval_decided"));
}

#[actix_rt::test]
async fn mail_is_sent_when_a_hook_has_it_and_seen_when_the_record_shows_it() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    world.report(&agent, report(Signal::Started)).await;
    let sent = world.notify(&bob, "api-claude", "the build is red").await.message;
    assert_eq!(state(&world, &bob, sent).await, DeliveryState::Accepted);

    let told = take(&world, &agent, Signal::Prompted).await;
    assert_eq!(ids(&told), [sent]);
    assert_eq!(state(&world, &bob, sent).await, DeliveryState::Sent);

    // Until that is settled nothing more is handed out, and the hook learns what to look for.
    let second = world.notify(&bob, "api-claude", "and red again").await.message;
    let told = take(&world, &agent, Signal::Working).await;
    assert_eq!((ids(&told), told.awaited), (vec![], vec![sent]));

    let told = world.report(&agent, Report { seen: vec![sent], room: ROOM, ..report(Signal::Working) }).await;
    assert_eq!(state(&world, &bob, sent).await, DeliveryState::Seen);
    assert_eq!(ids(&told), [second]);
}

#[actix_rt::test]
async fn what_is_not_in_the_record_is_handed_out_again_and_not_too_soon() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let told = world.report(&agent, report(Signal::Started)).await;
    let sent = world.notify(&bob, "api-claude", "hello").await.message;
    take(&world, &agent, Signal::Working).await;

    let missing = || Report { missing: vec![sent], room: ROOM, ..report(Signal::Rested) };
    let early = world.report(&agent, missing()).await;
    assert_eq!((ids(&early), early.awaited), (vec![], vec![sent]), "its record may be a moment behind");

    world.advance(Duration::from_secs(3)).await;
    let late = world.report(&agent, missing()).await;
    assert_eq!((ids(&late), late.missed), (vec![sent], 1));
    let handed = world.timeline(told.session).await.into_iter().filter_map(|event| match event.body {
        EventBody::RuntimeHanded(handed) => Some(*handed),
        _ => None,
    });
    assert!(matches!(
        handed.collect::<Vec<_>>().as_slice(),
        [RuntimeHanded::Out { .. }, RuntimeHanded::Missing { missed: 1, .. }, RuntimeHanded::Out { .. }]
    ));
}

#[actix_rt::test]
async fn what_was_handed_out_is_known_after_a_crash_and_not_handed_out_twice() {
    let mut world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    world.report(&agent, report(Signal::Started)).await;
    let sent = world.notify(&bob, "api-claude", "once").await.message;
    assert_eq!(ids(&take(&world, &agent, Signal::Working).await), [sent]);
    world.kill().await;
    world.restart().await;

    let told = take(&world, &agent, Signal::Rested).await;
    assert_eq!((ids(&told), told.awaited), (vec![], vec![sent]));
    world.report(&agent, Report { seen: vec![sent], ..report(Signal::Rested) }).await;
    assert_eq!(state(&world, &bob, sent).await, DeliveryState::Seen);
    assert_eq!(ids(&take(&world, &agent, Signal::Prompted).await), []);
}

#[actix_rt::test]
async fn a_turn_that_mail_makes_go_on_is_not_over() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let told = world.report(&agent, did(report(Signal::Prompted), &[Activity::TurnStarted { turn: "1".into() }])).await;
    world.notify(&bob, "api-claude", "one more thing").await;
    let ended =
        Activity::TurnEnded { turn: "1".into(), outcome: TurnOutcome::Completed, reason: None, duration_ms: None };
    let stop = Report { room: ROOM, ..did(report(Signal::Rested), &[ended]) };
    assert_eq!(world.report(&agent, stop).await.messages.len(), 1);
    let view = world.session(told.session).await;
    assert_eq!((view.state, view.runtime.unwrap().presence), (SessionState::Active, Presence::Working));
}

#[actix_rt::test]
async fn what_a_hook_has_is_not_withdrawn_any_more() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    world.report(&agent, report(Signal::Started)).await;
    let sent = world.notify(&bob, "api-claude", "never mind").await.message;
    take(&world, &agent, Signal::Working).await;
    assert_eq!(world.cancel(&bob, sent).await.refused().code, Code::TooLate);
}

#[actix_rt::test]
async fn two_programs_in_one_folder_are_two_sessions_and_who_comes_after_one_takes_its_place() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let own = tieline_process::find(std::process::id()).expect("this process");
    let here = Some(ProcessId { pid: own.pid, started: own.started });
    let parent = tieline_process::find(own.parent).expect("who started this process");
    let there = Some(ProcessId { pid: parent.pid, started: parent.started });
    let first = world.report(&agent, Report { process: here, ..report(Signal::Started) }).await;
    let other = Report { process: there, native: "n-2".into(), ..report(Signal::Started) };
    let second = world.report(&agent, other).await;
    assert_eq!((first.title.as_str(), second.title.as_str()), ("api-claude", "api-claude-2"));

    // One begins anew within its process: it is still the same session.
    let cleared = Report { process: here, native: "n-3".into(), ..report(Signal::Started) };
    assert_eq!(world.report(&agent, cleared).await.session, first.session);

    let found = async |process: Option<ProcessId>| {
        let find = RuntimeFind { processes: process.into_iter().collect() };
        match world.call(&agent, Command::RuntimeFind(find)).await.reply() {
            Reply::RuntimeFound(found) => found.session,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found(here).await, Some(first.session));
    assert_eq!(found(there).await, Some(second.session));
    assert_eq!(found(Some(ProcessId { pid: 1, started: 0 })).await, None);

    world.report(&agent, Report { process: here, native: "n-3".into(), ..report(Signal::Ended) }).await;
    let next = world.report(&agent, Report { native: "n-4".into(), ..report(Signal::Started) }).await;
    assert_eq!((next.session, next.is_new), (first.session, false));
}

#[actix_rt::test]
async fn a_process_that_is_gone_is_offline_whatever_its_hooks_said_last() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let gone = Some(ProcessId { pid: u32::MAX - 1, started: 1 });
    let told = world.report(&agent, Report { process: gone, ..report(Signal::Working) }).await;
    for _ in 0..100 {
        world.advance(Duration::from_secs(4)).await;
        if world.session(told.session).await.runtime.unwrap().presence == Presence::Offline {
            return;
        }
    }
    panic!("a process that does not exist is taken for alive");
}

#[actix_rt::test]
async fn work_that_nothing_confirms_any_more_is_shown_as_stale() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let told = world.report(&agent, report(Signal::Working)).await;
    assert_eq!(world.session(told.session).await.runtime.unwrap().stale_since_ms, None);
    world.advance(Duration::from_secs(601)).await;
    assert!(world.session(told.session).await.runtime.unwrap().stale_since_ms.is_some());
}

#[actix_rt::test]
async fn a_report_that_makes_no_sense_says_where() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let wrong = [
        (Report { agent: "Claude Code".into(), ..report(Signal::Started) }, "report.agent"),
        (Report { native: String::new(), ..report(Signal::Started) }, "report.native"),
        (Report { folder: Some("/a\nb".into()), ..report(Signal::Started) }, "report.folder"),
        (Report { room: u32::MAX, ..report(Signal::Started) }, "report.room"),
    ];
    for (report, field) in wrong {
        let refusal = world.call(&agent, Command::Report(Box::new(report))).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some(field)));
    }
}

#[actix_rt::test]
async fn a_stranger_with_the_same_id_gets_a_session_of_its_own() {
    let world = World::start().await;
    let (agent, stranger) = (world.agent("agents").await, world.agent("stranger").await);
    let ours = world.report(&agent, report(Signal::Started)).await;
    world.call(&agent, notify("api-claude", "ours")).await.accepted();
    let theirs = world.report(&stranger, Report { room: ROOM, ..report(Signal::Prompted) }).await;
    assert_ne!(ours.session, theirs.session);
    assert!(theirs.messages.is_empty());
}
