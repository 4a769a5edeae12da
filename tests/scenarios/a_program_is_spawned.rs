//! A program is started for a new session by whoever may, where it may be, and not too often; it is the session's from its first
//! hook on, and is ended with proof.

use std::sync::Arc;

use tieline_model::{
    Code, Command, EventBody, Lane, Principal,
    command::{Report, SessionRef, Spawn},
    event::RuntimeOrdered,
    order::Order,
    reply::{Reported, SessionView},
    runtime::{Pane, Presence, ProcessId, Signal},
};
use tieline_tests::{Outcomes, World};

fn spawn(folder: &str, profile: &str) -> Spawn {
    Spawn { folder: folder.into(), profile: profile.into(), title: None, worktree: None, sender: None }
}

async fn start() -> World {
    World::start_with(|config| {
        config.spawn.roots = vec!["/work".into()];
        config.spawn.profiles = vec!["claude claude claude".into(), "fast codex codex -m small".into()];
        config.spawn.per_hour = 3;
    })
    .await
}

async fn ask(world: &World, by: &Arc<Principal>, spawn: Spawn) -> SessionView {
    world.call(by, Command::Spawn(spawn)).await.session()
}

async fn report(world: &World, by: &Arc<Principal>, folder: &str, agent: &str) -> Reported {
    let own = tieline_process::find(std::process::id()).expect("this process");
    let report = Report {
        process: Some(ProcessId { pid: own.pid, started: own.started }),
        folder: Some(folder.into()),
        pane: Some(Pane { socket: "/run/tmux".into(), pane: "%7".into() }),
        ..Report::new(agent, "n-1", "SessionStart", Signal::Started)
    };
    world.report(by, report).await
}

fn session(view: &SessionView) -> SessionRef {
    SessionRef { session: tieline_model::Address::Session(view.id) }
}

#[actix_rt::test]
async fn a_transport_is_asked_and_the_program_that_comes_is_the_sessions() {
    let world = start().await;
    // The oldest agent is whose token all hooks of a home have.
    let agent = world.agent("agents").await;
    let human = Arc::clone(world.human());
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let view = ask(&world, &human, spawn("/work/api", "fast")).await;
    assert_eq!((view.title.as_str(), view.project.as_deref()), ("api-codex", Some("/work/api")));

    let asked = terminal.wait_deliveries(1).await.remove(0);
    let Some(Order::Start(order)) = asked.message.order.map(|order| *order) else { panic!("an order") };
    assert_eq!((order.argv.join(" ").as_str(), order.folder.as_str()), ("codex -m small", "/work/api"));
    assert_eq!(order.roots, ["/work"]);
    terminal.take(Lane::Ctl, 1).await;

    let told = report(&world, &agent, "/work/api", "codex").await;
    assert_eq!((told.session, told.is_new), (view.id, false));
    assert_eq!(world.session(view.id).await.runtime.unwrap().presence, Presence::Idle);

    world.call(&human, Command::SpawnKill(session(&view))).await.reply();
    let ended = terminal.wait_deliveries(2).await.remove(1);
    let Some(Order::End(order)) = ended.message.order.map(|order| *order) else { panic!("an order") };
    assert_eq!((order.process.pid, order.pane.pane.as_str()), (std::process::id(), "%7"));

    world.call(&human, Command::SpawnRestart(session(&view))).await.reply();
    let again = terminal.wait_deliveries(3).await.remove(2);
    let Some(Order::Start(order)) = again.message.order.map(|order| *order) else { panic!("an order") };
    assert_eq!((order.resume.as_deref(), order.instead_of.is_some()), (Some("n-1"), true));
}

#[actix_rt::test]
async fn what_is_refused_is_said_with_the_reason() {
    let world = start().await;
    let human = Arc::clone(world.human());
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let view = ask(&world, &human, spawn("/work/api", "claude")).await;
    terminal.wait_deliveries(1).await;
    terminal.reject(Lane::Ctl, 1, "the folder is a link out of the roots").await.reply();
    world.calm().await;
    let failed = world.timeline(view.id).await.into_iter().any(|event| match event.body {
        EventBody::RuntimeOrdered(it) => {
            matches!(&*it, RuntimeOrdered::Failed { reason } if reason.contains("link out of the roots"))
        }
        _ => false,
    });
    assert!(failed);
    let notice = world.lane(&human, Lane::Ctl).await.items.remove(0).message.notice.expect("a notice");
    assert_eq!((notice.session, notice.reason.as_deref()), (view.id, Some("the folder is a link out of the roots")));
}

#[actix_rt::test]
async fn where_and_by_which_profile_is_configured() {
    let world = start().await;
    let human = Arc::clone(world.human());
    let refused = async |spawn: Spawn| {
        let refusal = world.call(&human, Command::Spawn(spawn)).await.refused();
        (refusal.code, refusal.field.unwrap_or_default())
    };
    assert_eq!(refused(spawn("/etc", "claude")).await, (Code::Forbidden, "spawn.folder".into()));
    assert_eq!(refused(spawn("/work/../etc", "claude")).await, (Code::BadInput, "spawn.folder".into()));
    assert_eq!(refused(spawn("/work/api", "yolo")).await, (Code::BadInput, "spawn.profile".into()));
    let tricky = Spawn { worktree: Some("--force".into()), ..spawn("/work/api", "claude") };
    assert_eq!(refused(tricky).await, (Code::BadInput, "spawn.worktree".into()));
    // Nobody is there who could do it.
    assert_eq!(refused(spawn("/work/api", "claude")).await.0, Code::Busy);
}

#[actix_rt::test]
async fn nobody_spawns_too_much_or_too_deep() {
    let world = start().await;
    let human = Arc::clone(world.human());
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    for n in 0..3 {
        ask(&world, &human, spawn(&format!("/work/p{n}"), "claude")).await;
    }
    let refusal = world.call(&human, Command::Spawn(spawn("/work/p4", "claude"))).await.refused();
    assert_eq!(refusal.code, Code::Quota);
    assert!(refusal.retry_after_ms.is_some());
}

#[actix_rt::test]
async fn a_working_tree_is_beside_its_repository() {
    let world = start().await;
    let human = Arc::clone(world.human());
    let terminal = world.own_link("terminal").unwrap();
    terminal.attach().await;
    let wanted = Spawn { worktree: Some("fix/flaky".into()), ..spawn("/work/api", "claude") };
    let view = ask(&world, &human, wanted).await;
    assert_eq!(view.project.as_deref(), Some("/work/api.worktrees/fix-flaky"));
    let asked = terminal.wait_deliveries(1).await.remove(0);
    let Some(Order::Start(order)) = asked.message.order.map(|order| *order) else { panic!("an order") };
    let tree = order.worktree.expect("a working tree");
    assert_eq!((tree.of.as_str(), tree.branch.as_str()), ("/work/api", "fix/flaky"));
}
