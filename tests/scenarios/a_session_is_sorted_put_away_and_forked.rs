//! Sessions get labels and pins, move, change hands, are put away and restored, fork and end in each other.

use std::sync::Arc;

use tieline_model::{
    Code, Command, Principal, Reply, SessionId,
    command::{
        Notify, SessionFork, SessionHandOver, SessionLabel, SessionList, SessionMerge, SessionMove, SessionPin,
        SessionRef,
    },
    reply::{Parent, SessionState},
};
use tieline_tests::{Outcomes, World, address};

async fn list(world: &World, by: &Arc<Principal>, list: SessionList) -> Vec<String> {
    match world.call(by, Command::SessionList(list)).await.reply() {
        Reply::Sessions(page) => page.sessions.into_iter().map(|view| view.title).collect(),
        other => panic!("{other:?}"),
    }
}

async fn kinds(world: &World, id: SessionId) -> Vec<&'static str> {
    world.timeline(id).await.iter().map(|event| event.body.kind()).collect()
}

fn named(id: SessionId) -> SessionRef {
    SessionRef { session: address(&id.to_string()) }
}

#[actix_rt::test]
async fn labels_and_pins_are_kept_shown_and_found() {
    let mut world = World::start().await;
    let alice = world.agent("alice").await;
    let (review, build) = (world.open(&alice, "review").await, world.open(&alice, "build").await);
    let label = |add: &[&str], remove: &[&str]| {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        Command::SessionLabel(SessionLabel { session: address("review"), add: words(add), remove: words(remove) })
    };
    world.call(&alice, label(&["urgent", "rust", "urgent"], &[])).await.reply();
    world.call(&alice, label(&["api"], &["rust", "never there"])).await.reply();
    world.call(&alice, Command::SessionPin(SessionPin { session: address("build"), pinned: true })).await.reply();
    let view = world.session(review.id).await;
    assert_eq!((view.labels, view.pinned), (vec!["api".to_owned(), "urgent".to_owned()], false));
    assert!(world.session(build.id).await.pinned);
    let labelled = SessionList { label: Some("urgent".into()), ..SessionList::default() };
    assert_eq!(list(&world, &alice, labelled).await, ["review"]);
    assert_eq!(list(&world, &alice, SessionList { pinned: true, ..SessionList::default() }).await, ["build"]);
    let many: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    let many = SessionLabel { session: address("review"), add: many, remove: Vec::new() };
    assert_eq!(world.call(&alice, Command::SessionLabel(many)).await.refused().code, Code::BadInput);
    world.restart().await;
    assert_eq!(world.session(review.id).await.labels, ["api", "urgent"]);
}

#[actix_rt::test]
async fn an_archived_session_takes_no_messages_until_it_is_restored() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let review = world.open(&alice, "review").await;
    let asked = world.ask(&bob, "review", "ready?").await;
    world.call(&alice, Command::SessionArchive(named(review.id))).await.reply();
    assert_eq!(world.session(review.id).await.state, SessionState::Archived);
    assert!(!list(&world, &alice, SessionList::default()).await.contains(&"review".to_owned()));
    let archived = SessionList { state: Some(SessionState::Archived), ..SessionList::default() };
    assert_eq!(list(&world, &alice, archived).await, ["review"]);
    let note = |text: &str| {
        let to = address(&review.id.to_string());
        Command::Notify(Notify::new(to, text))
    };
    assert_eq!(world.call(&bob, note("x")).await.refused().code, Code::SessionClosed);
    let told = kinds(&world, bob.home).await;
    assert!(told.contains(&"ask_closed"), "the ask {asked:?} was orphaned: {told:?}");
    world.restart().await;
    assert_eq!(world.call(&bob, Command::SessionRestore(named(review.id))).await.refused().code, Code::NotYourSession);
    world.call(&alice, Command::SessionRestore(named(review.id))).await.reply();
    world.call(&bob, note("x")).await.reply();
    assert_eq!(world.session(review.id).await.pending, 1, "the ask ended with the archive; the note came");
    let home = world.call(&alice, Command::SessionArchive(named(alice.home))).await.refused();
    assert_eq!(home.code, Code::Forbidden);
}

#[actix_rt::test]
async fn who_gets_a_session_may_write_for_it_and_who_gave_it_no_longer() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let review = world.open(&alice, "review").await;
    let over = |to: &str| Command::SessionHandOver(SessionHandOver { session: address("review"), to: address(to) });
    assert_eq!(world.call(&bob, over("bob")).await.refused().code, Code::NotYourSession);
    assert_eq!(world.call(&alice, over("review")).await.refused().code, Code::BadInput);
    world.call(&alice, over("bob")).await.reply();
    assert_eq!(world.session(review.id).await.owner, bob.id);
    assert_eq!(world.call(&alice, over("alice")).await.refused().code, Code::NotYourSession);
    let (speaking, note) = (Some(address("review")), "mine now".to_owned());
    let speak = Notify { sender: speaking, ..Notify::new(address("alice"), note) };
    world.call(&bob, Command::Notify(speak.clone())).await.reply();
    assert_eq!(world.call(&alice, Command::Notify(speak)).await.refused().code, Code::NotYourSession);
    assert!(kinds(&world, review.id).await.contains(&"session_handed_over"));
}

#[actix_rt::test]
async fn a_fork_points_at_its_parents_event_and_its_end_is_told_to_the_parent() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let review = world.open(&alice, "review").await;
    world.notify(&alice, "review", "one").await;
    let fork = |seq| Command::SessionFork(SessionFork { session: address("review"), title: "another way".into(), seq });
    for wrong in [0, 99] {
        assert_eq!(world.call(&alice, fork(Some(wrong))).await.refused().field.as_deref(), Some("session_fork.seq"));
    }
    let Reply::Session(other) = world.call(&alice, fork(Some(1))).await.reply() else { panic!() };
    assert_eq!(other.parent, Some(Parent { session: review.id, seq: 1 }));
    assert_eq!(world.session(other.id).await.parent, other.parent);
    let merge =
        SessionMerge { session: address("another way"), into: None, note: "it is faster".into(), archive: true };
    let Reply::Accepted(told) = world.call(&alice, Command::SessionMerge(merge)).await.reply() else { panic!() };
    assert_eq!(world.session(other.id).await.state, SessionState::Archived);
    let seen = kinds(&world, review.id).await;
    assert_eq!(seen, ["session_opened", "message_accepted", "session_forked", "message_accepted", "session_merged"]);
    assert_eq!(world.session(review.id).await.pending, 2, "the note waits in the parent's inbox: {told:?}");
    let orphan = SessionMerge { session: address("review"), into: None, note: "x".into(), archive: false };
    let refused = world.call(&alice, Command::SessionMerge(orphan)).await.refused();
    assert_eq!(refused.field.as_deref(), Some("session_merge.into"));
}

#[actix_rt::test]
async fn a_session_moves_only_to_a_circle_in_reach_of_who_moves_it() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    let review = world.open(&alice, "review").await;
    let to = |session: &str, circle: &str| {
        Command::SessionMove(SessionMove { session: address(session), circle: circle.into() })
    };
    assert_eq!(world.call(&alice, to("review", "ops")).await.refused().code, Code::Forbidden);
    assert_eq!(world.call(&alice, to("alice", "main")).await.refused().code, Code::Forbidden, "a home stays");
    let human = Arc::clone(world.human());
    world.call(&human, to("review", "ops")).await.reply();
    assert_eq!(world.session(review.id).await.circle, "ops");
    assert_eq!(world.call(&alice, Command::SessionGet(named(review.id))).await.refused().code, Code::UnknownSession);
}
