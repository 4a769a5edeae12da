//! Whoever waits for another session's agent program is told once when it rests, and need not look again and again.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Code, Command, Lane, MessageKind, Principal, Reply, SessionId,
    command::{Happened, IdleWatch, Report, SessionRef},
    event::{Activity, RuntimeWoken},
    message::Tells,
    reply::IdleWatched,
    rest::WatchEnd,
    runtime::{ProcessId, Signal},
};
use tieline_tests::{Outcomes, World, address};

const HOUR: Duration = Duration::from_secs(3600);

fn report(native: &str, signal: Signal) -> Report {
    Report { folder: Some(format!("/work/{native}")), ..Report::new("claude", native, &format!("{signal:?}"), signal) }
}

async fn watch(world: &World, by: &Arc<Principal>, session: &str, sender: Option<&str>) -> IdleWatched {
    let watch = IdleWatch { session: address(session), sender: sender.map(address) };
    match world.call(by, Command::IdleWatch(watch)).await.reply() {
        Reply::IdleWatched(watched) => watched,
        other => panic!("{other:?}"),
    }
}

/// How the watches of a principal's home have ended.
async fn told(world: &World, who: &Arc<Principal>) -> Vec<(SessionId, WatchEnd)> {
    let items = world.lane(who, Lane::Ctl).await.items.into_iter();
    let tells = items.filter_map(|item| match item.message.tells.as_deref() {
        Some(Tells::Rested { session, end }) => {
            assert_eq!(item.message.kind, MessageKind::Notice);
            Some((*session, *end))
        }
        _ => None,
    });
    tells.collect()
}

#[actix_rt::test]
async fn the_end_of_a_turn_tells_once_and_the_next_one_nobody() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let it = world.report(&agent, report("api", Signal::Prompted)).await.session;
    let watched = watch(&world, &bob, "api-claude", None).await;
    assert_eq!((watched.session, watched.notice), (it, None));
    assert_eq!(watched.until_ms, Some(world.now().plus_ms(24 * 3_600_000)));
    watch(&world, &bob, "api-claude", None).await;
    world.report(&agent, report("api", Signal::Working)).await;
    assert_eq!(told(&world, &bob).await, []);

    world.report(&agent, report("api", Signal::Rested)).await;
    assert_eq!(told(&world, &bob).await, [(it, WatchEnd::Idle)], "two watches of one session are one");
    world.report(&agent, report("api", Signal::Prompted)).await;
    world.report(&agent, report("api", Signal::Rested)).await;
    assert_eq!(told(&world, &bob).await.len(), 1);
}

#[actix_rt::test]
async fn who_is_at_rest_already_is_told_of_at_once() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let it = world.report(&agent, report("api", Signal::Rested)).await.session;
    let watched = watch(&world, &bob, "api-claude", None).await;
    assert!(watched.notice.is_some() && watched.until_ms.is_none());
    assert_eq!(told(&world, &bob).await, [(it, WatchEnd::Idle)]);
    world.report(&agent, report("api", Signal::Ended)).await;
    watch(&world, &bob, "api-claude", None).await;
    assert_eq!(told(&world, &bob).await, [(it, WatchEnd::Idle), (it, WatchEnd::Offline)]);
}

#[actix_rt::test]
async fn a_turn_that_mail_makes_go_on_and_an_open_permission_are_no_rest() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let it = world.report(&agent, report("api", Signal::Prompted)).await.session;
    watch(&world, &bob, "api-claude", None).await;
    let sent = world.notify(&bob, "api-claude", "one more thing").await.message;
    let stop = || Report { room: 9_000, ..report("api", Signal::Rested) };
    assert_eq!(world.report(&agent, stop()).await.messages.len(), 1);
    // It has come to its end with the mail, and its record is a moment behind.
    world.report(&agent, stop()).await;
    assert_eq!(told(&world, &bob).await, []);

    let asked = Activity::ApprovalAsked { approval: "k".into(), subject: "Bash".into() };
    let activities = vec![Happened { at_ms: None, what: asked }];
    world.report(&agent, Report { activities, seen: vec![sent], ..report("api", Signal::Noted) }).await;
    assert_eq!(told(&world, &bob).await, [], "it waits for a person");
    let allowed = Activity::ApprovalDecided { approval: "k".into(), is_allowed: true, reason: None };
    let activities = vec![Happened { at_ms: None, what: allowed }];
    world.report(&agent, Report { activities, ..report("api", Signal::Rested) }).await;
    assert_eq!(told(&world, &bob).await, [(it, WatchEnd::Idle)]);
}

#[actix_rt::test]
async fn a_program_that_dies_and_a_session_that_is_closed_are_told_of() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let gone = Some(ProcessId { pid: u32::MAX - 1, started: 1 });
    let api = world.report(&agent, report("api", Signal::Prompted)).await.session;
    watch(&world, &bob, "api-claude", None).await;
    world.report(&agent, Report { process: gone, ..report("api", Signal::Working) }).await;
    assert_eq!(told(&world, &bob).await, [(api, WatchEnd::Offline)]);

    let web = world.report(&agent, report("web", Signal::Prompted)).await.session;
    watch(&world, &bob, "web-claude", None).await;
    world.call(&agent, Command::SessionClose(SessionRef { session: address("web-claude") })).await.reply();
    assert_eq!(told(&world, &bob).await, [(api, WatchEnd::Offline), (web, WatchEnd::Offline)]);
}

#[actix_rt::test]
async fn a_watch_survives_the_daemon_and_ends_after_a_day() {
    let mut world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let api = world.report(&agent, report("api", Signal::Prompted)).await.session;
    let web = world.report(&agent, report("web", Signal::Prompted)).await.session;
    watch(&world, &bob, "api-claude", None).await;
    watch(&world, &bob, "web-claude", None).await;
    world.restart().await;
    world.report(&agent, report("api", Signal::Rested)).await;
    assert_eq!(told(&world, &bob).await, [(api, WatchEnd::Idle)]);

    world.advance(23 * HOUR).await;
    assert_eq!(told(&world, &bob).await.len(), 1);
    world.sleep(2 * HOUR).await;
    world.calm().await;
    assert_eq!(told(&world, &bob).await, [(api, WatchEnd::Idle), (web, WatchEnd::TimeRanOut)]);
    world.report(&agent, report("web", Signal::Rested)).await;
    assert_eq!(told(&world, &bob).await.len(), 2);
}

#[actix_rt::test]
async fn the_notice_wakes_an_idle_program_and_comes_with_its_words() {
    let world = World::start_with(|config| config.agents.wakers = vec!["terminal".into()]).await;
    let agent = world.agent("agents").await;
    let terminal = world.own_link("terminal").expect("a link of its own");
    terminal.attach().await;
    world.report(&agent, report("api", Signal::Prompted)).await;
    let web = world.report(&agent, report("web", Signal::Rested)).await.session;
    watch(&world, &agent, "api-claude", Some("web-claude")).await;
    world.report(&agent, report("api", Signal::Rested)).await;

    let asked = terminal.wait_deliveries(1).await.remove(0);
    assert_eq!(asked.message.wake.expect("a request").session, web);
    let woken = world.timeline(web).await.into_iter().any(|event| {
        matches!(event.body, tieline_model::EventBody::RuntimeWoken(woken) if matches!(*woken, RuntimeWoken::Asked { .. }))
    });
    assert!(woken);
    let prompted = world.report(&agent, Report { room: 9_000, ..report("web", Signal::Prompted) }).await;
    assert_eq!(
        prompted.messages[0].text.as_deref(),
        Some("`api-claude` is at rest: its agent program waits for a prompt.")
    );
}

#[actix_rt::test]
async fn what_cannot_be_watched_is_refused_with_the_reason() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    world.report(&agent, report("api", Signal::Prompted)).await;
    let wrong = [
        ("agents", None, Code::BadInput, "idle_watch.session"),
        ("bob", None, Code::BadInput, "idle_watch.session"),
        ("nobody", None, Code::UnknownSession, "idle_watch.session"),
        ("api-claude", Some("api-claude"), Code::NotYourSession, "idle_watch.as"),
    ];
    for (session, sender, code, field) in wrong {
        let command = Command::IdleWatch(IdleWatch { session: address(session), sender: sender.map(address) });
        let refusal = world.call(&bob, command).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{}", refusal.message);
    }
}
