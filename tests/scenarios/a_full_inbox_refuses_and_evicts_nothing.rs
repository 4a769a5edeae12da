//! A full inbox says no to what is new. What was accepted stays.

use tieline_model::{Code, Lane};
use tieline_tests::{Outcomes, World, ask, notify, texts};

#[actix_rt::test]
async fn a_full_inbox_refuses_and_evicts_nothing() {
    let world = World::start_with(|config| config.limits.inbox_messages = 3).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for text in ["one", "two", "three"] {
        world.notify(&alice, "bob", text).await;
    }
    for command in [notify("bob", "four"), ask("bob", "four?")] {
        let refusal = world.call(&alice, command).await.refused();
        assert_eq!(refusal.code, Code::Quota);
        assert!(refusal.message.contains("`bob`") && refusal.retry_after_ms.is_some(), "{refusal:?}");
    }
    let broadcast = tieline_model::command::Broadcast {
        text: "all".into(),
        circle: None,
        exclude: Vec::new(),
        sender: None,
        expires_in_ms: None,
    };
    let refusal = world.call(&alice, tieline_model::Command::Broadcast(broadcast)).await.refused();
    assert_eq!(refusal.code, Code::Quota);
    world.broadcast(&alice, "all but bob", &["bob"]).await;

    let at_bob = world.attach(&bob).await;
    assert_eq!(texts(&at_bob.wait_deliveries(3).await), ["one", "two", "three"]);
    at_bob.take(Lane::Msg, 1).await;
    world.notify(&alice, "bob", "four").await;
    assert_eq!(texts(&at_bob.wait_deliveries(4).await)[3], "four");
}

#[actix_rt::test]
async fn bytes_count_too_and_survive_a_restart() {
    let mut world = World::start_with(|config| config.limits.inbox_bytes = 10).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    world.notify(&alice, "bob", "123456").await;
    assert_eq!(world.call(&alice, notify("bob", "12345")).await.refused().code, Code::Quota);
    world.restart().await;
    assert_eq!(world.call(&alice, notify("bob", "12345")).await.refused().code, Code::Quota);
    world.notify(&alice, "bob", "1234").await;
    assert_eq!(world.session(bob.home).await.pending, 2);
}

#[actix_rt::test]
async fn open_asks_are_limited_on_both_sides_and_answers_never_are() {
    let world = World::start_with(|config| {
        config.limits.open_asks = 2;
        config.limits.inbox_messages = 2;
    })
    .await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let first = world.ask(&alice, "bob", "1?").await;
    let at_bob = world.attach(&bob).await;
    at_bob.wait_deliveries(1).await;
    at_bob.take(Lane::Msg, 1).await;
    world.ask(&alice, "bob", "2?").await;
    assert_eq!(world.call(&alice, ask("carol", "3?")).await.refused().code, Code::Quota);
    at_bob.wait_deliveries(2).await;
    at_bob.take(Lane::Msg, 2).await;
    assert_eq!(world.call(&carol, ask("bob", "4?")).await.refused().code, Code::Quota);

    // Alice's inbox is full, and still the answer that she was promised gets in.
    for text in ["x", "y"] {
        world.notify(&carol, "alice", text).await;
    }
    assert_eq!(world.call(&carol, notify("alice", "z")).await.refused().code, Code::Quota);
    world.ack(&bob, first.message, Some("yes")).await.accepted();
    assert_eq!(world.inbox(&alice).await.items.len(), 3);
    world.ask(&alice, "carol", "3?").await;
}
