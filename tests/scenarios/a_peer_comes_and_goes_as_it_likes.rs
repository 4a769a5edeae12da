//! A peer may poll without a link, move its link to another session, watch, and say goodbye.

use tieline_model::{
    Address, Code, Command, DeliveryState, EventBody, Lane,
    command::{AttachMode, PeerAttach, PeerDetach, Receipt, ReceiptState},
    reply::Reachability,
};
use tieline_tests::{Outcomes, World, address, texts};

fn hello(session: Option<Address>, mode: AttachMode) -> Command {
    Command::PeerAttach(PeerAttach { session, mode, cursors: None, log_id: None, urgency: None })
}

fn goodbye() -> Command {
    Command::PeerDetach(PeerDetach::default())
}

#[actix_rt::test]
async fn a_peer_that_polls_is_the_writer_until_a_link_takes_over() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.attach(&bob).await;
    let polling = world.call(&bob, hello(None, AttachMode::Writer)).await.attached();
    assert_eq!(polling.epoch, 2);
    assert_eq!(link.wait_down().await.code, 4409);

    let sent = world.notify(&alice, "bob", "poll me").await;
    assert_eq!(sent.deliveries[0].reachability, Some(Reachability::Offline), "nothing can be pushed to it");
    assert_eq!(world.inbox(&bob).await.items[0].state, DeliveryState::Accepted);
    let receipt = Receipt {
        session: None,
        lane: Lane::Msg,
        through: Some(1),
        seq: None,
        state: ReceiptState::Seen,
        reason: None,
    };
    world.call(&bob, Command::Receipt(receipt)).await.reply();
    assert_eq!(world.trace(&alice, sent.message).await.deliveries[0].delivery.state, DeliveryState::Seen);

    let back = world.attach(&bob).await;
    world.notify(&alice, "bob", "push me").await;
    assert_eq!(texts(&back.wait_deliveries(1).await), ["push me"]);
    assert_eq!(world.call(&bob, goodbye()).await.refused().code, Code::NotAttached);
}

#[actix_rt::test]
async fn who_says_goodbye_gets_nothing_more_and_loses_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.attach(&bob).await;
    world.notify(&alice, "bob", "one").await;
    link.wait_deliveries(1).await;
    link.call(goodbye()).await.reply();
    assert_eq!(link.call(goodbye()).await.refused().code, Code::NotAttached);
    let two = world.notify(&alice, "bob", "two").await;
    assert_eq!(two.deliveries[0].reachability, Some(Reachability::Offline));
    assert!(!world.session(bob.home).await.online);
    world.calm().await;
    assert_eq!(texts(&link.deliveries()), ["one"]);
    assert_eq!(link.receipt(Lane::Msg, 1, ReceiptState::Delivered).await.refused().code, Code::NotAttached);
    // The same link may come back.
    assert_eq!(link.attach().await.epoch, 2);
    assert_eq!(texts(&link.wait_deliveries(3).await), ["one", "one", "two"]);
    let kinds: Vec<_> = world.timeline(bob.home).await.iter().map(|event| event.body.kind()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "peer_attached").count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == "peer_detached").count(), 1);
}

#[actix_rt::test]
async fn a_link_that_moves_to_another_session_leaves_the_first() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let review = world.open(&bob, "review").await.id;
    let link = world.attach(&bob).await;
    link.call(hello(Some(address("review")), AttachMode::Writer)).await.attached();
    assert!(!world.session(bob.home).await.online);
    assert!(world.session(review).await.online);
    world.notify(&alice, "bob", "to the home").await;
    world.notify(&alice, "review", "to the review").await;
    assert_eq!(texts(&link.wait_deliveries(1).await), ["to the review"]);
    link.lose();
    world.calm().await;
    assert!(!world.session(review).await.online);
    let left = world.timeline(review).await;
    assert!(left.iter().any(|event| matches!(event.body, EventBody::PeerDetached { .. })));
    let home = world.attach(&bob).await;
    assert_eq!(texts(&home.wait_deliveries(1).await), ["to the home"]);
}

#[actix_rt::test]
async fn a_watcher_comes_and_goes_without_disturbing_the_writer() {
    let world = World::start().await;
    let (alice, bob, eve) = (world.agent("alice").await, world.agent("bob").await, world.agent("eve").await);
    let writer = world.attach(&bob).await;
    let watcher = world.link(&eve);
    watcher.call(hello(Some(address("bob")), AttachMode::Observer)).await.attached();
    let watching = PeerDetach { session: Some(address("bob")) };
    watcher.call(Command::PeerDetach(watching)).await.reply();
    let again = world.link(&eve);
    again.call(hello(Some(address("bob")), AttachMode::Observer)).await.attached();
    again.lose();
    world.calm().await;
    assert!(world.session(bob.home).await.online);
    world.notify(&alice, "bob", "still there?").await;
    assert_eq!(texts(&writer.wait_deliveries(1).await), ["still there?"]);
}
