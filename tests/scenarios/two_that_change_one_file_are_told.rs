//! Sessions that work on the same files learn of each other: by leases before, by a notice to both after.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Code, Command, EventBody, Lane, Principal, PrincipalKind, Reply, SessionId,
    command::{FileLease, FileLeases, FileRelease, Happened, Inbox, Report, SessionRef},
    event::{Activity, Claim, CollidedFile, FileChange, FileCollision},
    message::Tells,
    reply::{FileLeaseView, FileLeased},
    runtime::Signal,
};
use tieline_tests::{Outcomes, World, address};

const MINUTE: Duration = Duration::from_secs(60);

fn report(native: &str, signal: Signal, changed: &[&str]) -> Report {
    let change = |path: &&str| Happened {
        at_ms: None,
        what: Activity::FileChanged {
            path: (*path).to_owned(),
            change: FileChange::Modified,
            added: None,
            removed: None,
        },
    };
    Report {
        folder: Some("/work/api".into()),
        activities: changed.iter().map(change).collect(),
        ..Report::new(native, native, &format!("{signal:?}"), signal)
    }
}

async fn change(world: &World, by: &Arc<Principal>, native: &str, paths: &[&str]) -> SessionId {
    world.report(by, report(native, Signal::Working, paths)).await.session
}

async fn lease(world: &World, by: &Arc<Principal>, sender: &str, paths: &[&str]) -> FileLeased {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let lease = FileLease { paths, sender: Some(address(sender)), note: Some("new errors".into()), for_ms: None };
    match world.call(by, Command::FileLease(lease)).await.reply() {
        Reply::FileLeased(leased) => leased,
        other => panic!("{other:?}"),
    }
}

async fn leases(world: &World, by: &Arc<Principal>) -> Vec<String> {
    match world.call(by, Command::FileLeases(FileLeases::default())).await.reply() {
        Reply::FileLeases(page) => page.leases.into_iter().map(|it| format!("{} {}", it.title, it.path)).collect(),
        other => panic!("{other:?}"),
    }
}

async fn collisions(world: &World, session: SessionId) -> Vec<FileCollision> {
    let events = world.timeline(session).await.into_iter();
    let collisions = events.filter_map(|event| match event.body {
        EventBody::FileCollision(collision) => Some(*collision),
        _ => None,
    });
    collisions.collect()
}

/// The words of the collisions in the inbox of a session.
async fn told(world: &World, by: &Arc<Principal>, session: &str) -> Vec<String> {
    let session = Some(address(session));
    let inbox = Inbox { session, lane: Some(Lane::Ctl), after: Some(0), limit: Some(200) };
    let items = world.call(by, Command::Inbox(inbox)).await.inbox().items.into_iter();
    let is_collision = |tells: &Tells| matches!(tells, Tells::FileCollision { .. });
    let notices = items.filter(|item| item.message.tells.as_deref().is_some_and(is_collision));
    notices.map(|item| item.message.text.expect("words")).collect()
}

#[actix_rt::test]
async fn two_programs_that_change_one_file_are_both_told_once_in_half_an_hour() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let at = world.now();
    let one = change(&world, &agent, "claude", &["/work/api/src/a.rs", "/work/api/src/b.rs"]).await;
    let other = change(&world, &agent, "codex", &["src/a.rs", "src/../src/b.rs", "src/c.rs"]).await;
    let file = |path: &str| CollidedFile { path: path.into(), claim: Claim::Changed, claimed_at_ms: at };
    let files = vec![file("/work/api/src/a.rs"), file("/work/api/src/b.rs")];
    for session in [one, other] {
        let found = collisions(&world, session).await;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].by, found[0].with, &found[0].files), (other, one, &files));
    }
    let (to_one, to_other) = (told(&world, &agent, "api-claude").await, told(&world, &agent, "api-codex").await);
    assert!(to_one[0].starts_with("`api-codex` has changed files at "), "{to_one:?}");
    assert!(to_one[0].contains("\n- /work/api/src/a.rs: you changed it at "), "{to_one:?}");
    assert!(to_other[0].contains("\n- /work/api/src/b.rs: `api-claude` changed it at "), "{to_other:?}");

    world.advance(20 * MINUTE).await;
    change(&world, &agent, "claude", &["src/a.rs"]).await;
    change(&world, &agent, "codex", &["src/a.rs"]).await;
    assert_eq!(collisions(&world, one).await.len(), 1, "they know");
    world.advance(11 * MINUTE).await;
    change(&world, &agent, "claude", &["src/a.rs"]).await;
    assert_eq!(collisions(&world, one).await.len(), 2, "half an hour later it is told again");
    world.advance(31 * MINUTE).await;
    change(&world, &agent, "codex", &["src/a.rs"]).await;
    assert_eq!(collisions(&world, one).await.len(), 2, "what was changed long ago is nobody's work any more");
}

#[actix_rt::test]
async fn who_has_changed_a_file_hears_of_the_collision_with_the_same_hook() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    change(&world, &agent, "claude", &["a.rs"]).await;
    let wrote = Report { room: 9_000, ..report("codex", Signal::Working, &["a.rs"]) };
    let brought = world.report(&agent, wrote).await.messages;
    assert_eq!(brought.len(), 1);
    assert!(brought[0].text.as_deref().unwrap().contains("`api-claude` changed it"), "{brought:?}");
}

#[actix_rt::test]
async fn a_leased_file_is_known_before_and_its_change_by_another_is_told() {
    let world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    let one = change(&world, &agent, "claude", &[]).await;
    let leased = lease(&world, &bob, "bob", &["/work/api/src/", "/work/api/x.rs"]).await;
    assert_eq!((leased.leases.len(), leased.others.len()), (2, 0));
    let also = lease(&world, &agent, "api-claude", &["src/a.rs", "y.rs"]).await;
    let others: Vec<&FileLeaseView> = also.others.iter().collect();
    assert_eq!((others.len(), others[0].path.as_str(), others[0].title.as_str()), (1, "/work/api/src/", "bob"));
    assert_eq!(others[0].note.as_deref(), Some("new errors"));
    let whole = lease(&world, &bob, "bob", &["/work/api/"]).await;
    assert_eq!(whole.others.len(), 2, "what is in a folder is part of it");

    change(&world, &agent, "claude", &["src/z.rs", "/elsewhere/z.rs"]).await;
    let found = collisions(&world, one).await;
    assert_eq!((found.len(), found[0].files.len(), found[0].files[0].claim), (1, 1, Claim::Leased));
    assert_eq!(told(&world, &bob, "bob").await.len(), 1);
}

#[actix_rt::test]
async fn leases_end_by_time_by_word_and_with_their_session() {
    let mut world = World::start().await;
    let (agent, bob) = (world.agent("agents").await, world.agent("bob").await);
    change(&world, &agent, "claude", &[]).await;
    change(&world, &agent, "codex", &[]).await;
    lease(&world, &bob, "bob", &["/a", "/b", "/c"]).await;
    let release = FileRelease { paths: vec!["/b".into(), "/d".into()], sender: None };
    match world.call(&bob, Command::FileRelease(release)).await.reply() {
        Reply::FileReleased(released) => assert_eq!(released.paths, ["/b"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(leases(&world, &bob).await, ["bob /a", "bob /c"]);
    world.restart().await;
    assert_eq!(leases(&world, &bob).await.len(), 2, "a lease survives the daemon");
    world.advance(31 * MINUTE).await;
    assert_eq!(leases(&world, &bob).await.len(), 0);

    lease(&world, &agent, "api-claude", &["a", "b"]).await;
    lease(&world, &agent, "api-codex", &["c"]).await;
    world.report(&agent, report("claude", Signal::Ended, &[])).await;
    assert_eq!(leases(&world, &bob).await, ["api-codex /work/api/c"]);
    world.call(&agent, Command::SessionArchive(SessionRef { session: address("api-codex") })).await.reply();
    assert_eq!(leases(&world, &bob).await.len(), 0);
}

#[actix_rt::test]
async fn neither_who_has_left_nor_who_is_in_another_circle_collides() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    let there = world.token("there", PrincipalKind::Agent, Some(&["ops"])).await;
    let one = change(&world, &agent, "claude", &["a.rs"]).await;
    change(&world, &there, "gemini", &["a.rs"]).await;
    world.report(&agent, report("claude", Signal::Ended, &[])).await;
    change(&world, &agent, "codex", &["a.rs"]).await;
    assert_eq!(collisions(&world, one).await.len(), 0);
    let leased = lease(&world, &there, "api-gemini", &["b.rs"]).await;
    assert_eq!(leased.others.len(), 0);
    change(&world, &agent, "codex", &["b.rs"]).await;
    assert_eq!(told(&world, &there, "api-gemini").await.len(), 0);
}

#[actix_rt::test]
async fn what_a_record_catches_up_with_is_no_news() {
    let world = World::start().await;
    let agent = world.agent("agents").await;
    world.advance(120 * MINUTE).await;
    let one = change(&world, &agent, "claude", &["a.rs"]).await;
    let mut late = report("codex", Signal::Working, &["a.rs"]);
    late.activities[0].at_ms = Some(world.now().minus_ms(31 * 60_000));
    world.report(&agent, late).await;
    assert_eq!(collisions(&world, one).await.len(), 0);
}

#[actix_rt::test]
async fn a_session_has_a_thousand_leases_at_most_and_may_hold_on_to_them() {
    let world = World::start().await;
    let bob = world.agent("bob").await;
    let page = |page: usize| (0..100).map(|file| format!("/f/{page}/{file}")).collect::<Vec<_>>();
    let lease = |paths: Vec<String>| Command::FileLease(FileLease { paths, ..FileLease::default() });
    for number in 0..10 {
        world.call(&bob, lease(page(number))).await.reply();
    }
    let refusal = world.call(&bob, lease(vec!["/one/more".into()])).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::Quota, Some("file_lease.paths")));
    let since = world.now();
    world.advance(20 * MINUTE).await;
    match world.call(&bob, lease(page(3))).await.reply() {
        Reply::FileLeased(leased) => {
            assert!(leased.leases.iter().all(|it| it.since_ms == since && it.until_ms == since.plus_ms(50 * 60_000)));
        }
        other => panic!("{other:?}"),
    }
    world.advance(11 * MINUTE).await;
    assert_eq!(leases(&world, &bob).await.len(), 100, "only those hold that were leased again");
    world.call(&bob, lease(vec!["/one/more".into()])).await.reply();
}

#[actix_rt::test]
async fn a_lease_that_makes_no_sense_says_where() {
    let world = World::start().await;
    let bob = world.agent("bob").await;
    let wrong = [
        (FileLease::default(), "file_lease.paths"),
        (FileLease { paths: vec!["/a".into(), "b".into()], ..FileLease::default() }, "file_lease.paths[1]"),
        (FileLease { paths: vec!["/a".into()], for_ms: Some(1), ..FileLease::default() }, "file_lease.for_ms"),
        (FileLease { paths: vec!["/a".into()], note: Some(String::new()), ..FileLease::default() }, "file_lease.note"),
    ];
    for (lease, field) in wrong {
        let refusal = world.call(&bob, Command::FileLease(lease)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some(field)), "{}", refusal.message);
    }
    assert_eq!(leases(&world, &bob).await.len(), 0);
}
