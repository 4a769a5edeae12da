//! A session has one writer: a newer link of the same principal takes over, anybody else is refused.

use std::time::Duration;

use tieline_model::{
    Address, Code, Command, EventBody, Lane,
    command::{AttachMode, PeerAttach, ReceiptState},
};
use tieline_tests::{Outcomes, World, texts};

#[actix_rt::test]
async fn a_second_attach_fences_the_first() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.link(&bob);
    let old = first.attach().await;
    world.notify(&alice, "bob", "one").await;
    first.wait_deliveries(1).await;

    let second = world.link(&bob);
    let new = second.attach().await;
    assert_eq!(new.epoch, old.epoch + 1);
    let down = first.wait_down().await;
    assert_eq!(down.code, 4409);
    let again = second.wait_deliveries(1).await;
    assert_eq!((texts(&again), again[0].maybe_sent), (vec!["one"], true));

    // The old link's word does not count any more.
    let refusal = first.receipt(Lane::Msg, 1, ReceiptState::Delivered).await.refused();
    assert_eq!(refusal.code, Code::Fenced);
    assert_eq!(world.session(bob.home).await.pending, 1);
    let events = world.timeline(bob.home).await;
    assert!(!events.iter().any(|event| matches!(event.body, EventBody::DeliveryProgressed { .. })));

    // Nor is it given anything, however long nobody acknowledges.
    world.notify(&alice, "bob", "two").await;
    second.wait_deliveries(2).await;
    for _ in 0..5 {
        world.advance(Duration::from_secs(600)).await;
    }
    assert_eq!(texts(&first.deliveries()), ["one"]);
    second.take(Lane::Msg, 2).await;
    assert_eq!(world.session(bob.home).await.pending, 0);
}

#[actix_rt::test]
async fn a_link_that_says_hello_again_keeps_its_session() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.link(&bob);
    let first = link.attach().await;
    world.notify(&alice, "bob", "one").await;
    link.wait_deliveries(1).await;
    let second = link.attach().await;
    assert_eq!(second.epoch, first.epoch + 1);
    assert_eq!(texts(&link.wait_deliveries(2).await), ["one", "one"]);
    link.take(Lane::Msg, 1).await;
    for _ in 0..5 {
        world.advance(Duration::from_secs(600)).await;
    }
    assert_eq!(link.deliveries().len(), 2, "the writer of before sends no more");
}

#[actix_rt::test]
async fn another_principal_may_watch_and_not_write() {
    let world = World::start().await;
    let (alice, bob, eve) = (world.agent("alice").await, world.agent("bob").await, world.agent("eve").await);
    let writer = world.attach(&bob).await;
    let attach = |mode| {
        Command::PeerAttach(PeerAttach { session: Some(Address::Session(bob.home)), mode, ..Default::default() })
    };

    let watcher = world.link(&eve);
    let refusal = watcher.call(attach(AttachMode::Writer)).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::NotYourSession, Some("peer_attach.session")));
    let welcome = watcher.call(attach(AttachMode::Observer)).await.attached();
    assert_eq!((welcome.mode, welcome.epoch), (AttachMode::Observer, 1));

    world.notify(&alice, "bob", "for bob").await;
    writer.wait_deliveries(1).await;
    world.calm().await;
    assert_eq!(watcher.deliveries(), []);
    let refusal = watcher.receipt(Lane::Msg, 1, ReceiptState::Delivered).await.refused();
    assert_eq!(refusal.code, Code::NotAttached, "a watcher's link speaks for its own session only");
    writer.take(Lane::Msg, 1).await;
}

#[actix_rt::test]
async fn while_a_peer_is_attached_its_owner_does_not_acknowledge_beside_it() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    world.notify(&alice, "bob", "one").await;
    let receipt = || {
        Command::Receipt(tieline_model::command::Receipt {
            session: None,
            lane: Lane::Msg,
            through: Some(1),
            seq: None,
            state: ReceiptState::Delivered,
            reason: None,
        })
    };
    let link = world.attach(&bob).await;
    link.wait_deliveries(1).await;
    assert_eq!(world.call(&bob, receipt()).await.refused().code, Code::WriterHeld);
    link.lose();
    world.calm().await;
    world.call(&bob, receipt()).await.reply();
    assert_eq!(world.session(bob.home).await.pending, 0);
}
