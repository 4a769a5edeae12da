//! A link that never acknowledges gets its messages again, later each time, and at last they are given up.

use std::time::Duration;

use tieline_model::{DeliveryState, Lane};
use tieline_tests::{World, notice};

#[actix_rt::test]
async fn a_silent_link_gets_it_again_and_is_given_up() {
    let world = World::start_with(|config| {
        config.delivery.ack_wait_ms = 1_000;
        config.delivery.max_attempts = 3;
    })
    .await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let sent = world.notify(&alice, "bob", "hello?").await;

    assert!(!at_bob.wait_attempt(Lane::Msg, 1, 1).await.maybe_sent);
    world.advance(Duration::from_millis(999)).await;
    assert_eq!(at_bob.deliveries().len(), 1, "not before its time");
    world.advance(Duration::from_millis(1)).await;
    let second = at_bob.wait_attempt(Lane::Msg, 1, 2).await;
    assert!(second.maybe_sent);
    assert_eq!(second.message.id, sent.message);
    world.advance(Duration::from_secs(1)).await;
    assert_eq!(at_bob.deliveries().len(), 2, "twice as long the second time");
    world.advance(Duration::from_secs(1)).await;
    at_bob.wait_attempt(Lane::Msg, 1, 3).await;
    assert_eq!(world.session(bob.home).await.pending, 1);

    world.advance(Duration::from_secs(4)).await;
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!((notice(&told[0]).message, notice(&told[0]).state), (sent.message, DeliveryState::Dead));
    assert_eq!(at_bob.wait_skip(Lane::Msg, 1).await.reason, DeliveryState::Dead);
    world.advance(Duration::from_secs(3600)).await;
    assert_eq!(at_bob.deliveries().len(), 3, "no more attempts than were allowed");
    let trace = world.trace(&alice, sent.message).await;
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Dead);

    // Its place is free for what comes after it.
    world.notify(&alice, "bob", "next").await;
    let next = at_bob.wait_attempt(Lane::Msg, 2, 1).await;
    assert_eq!(next.message.text.as_deref(), Some("next"));
    at_bob.take(Lane::Msg, 2).await;
    world.advance(Duration::from_secs(3600)).await;
    assert_eq!(at_bob.deliveries().len(), 4);
}

#[actix_rt::test]
async fn what_is_acknowledged_is_not_sent_again_and_the_rest_is() {
    let world = World::start_with(|config| config.delivery.ack_wait_ms = 1_000).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    for text in ["one", "two", "three"] {
        world.notify(&alice, "bob", text).await;
    }
    at_bob.wait_deliveries(3).await;
    at_bob.take(Lane::Msg, 1).await;
    world.advance(Duration::from_secs(1)).await;
    at_bob.wait_attempt(Lane::Msg, 2, 2).await;
    at_bob.wait_attempt(Lane::Msg, 3, 2).await;
    at_bob.take(Lane::Msg, 3).await;
    world.advance(Duration::from_secs(3600)).await;
    let seqs: Vec<_> = at_bob.deliveries().iter().map(|it| it.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 2, 3]);
}

#[actix_rt::test]
async fn a_lost_link_is_not_a_silent_one() {
    let world = World::start_with(|config| {
        config.delivery.ack_wait_ms = 1_000;
        config.delivery.max_attempts = 2;
    })
    .await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    let sent = world.notify(&alice, "bob", "wait for me").await;
    at_bob.wait_deliveries(1).await;
    at_bob.lose();
    world.calm().await;
    for _ in 0..10 {
        world.advance(Duration::from_secs(600)).await;
    }
    let state = world.trace(&alice, sent.message).await.deliveries[0].delivery.state;
    assert_eq!(state, DeliveryState::Accepted, "it waits for the next link");
    let at_bob = world.attach(&bob).await;
    assert_eq!(at_bob.wait_deliveries(1).await[0].message.id, sent.message);
}
