//! A command that is repeated under its idempotency key is carried out once and answered the same.

use tieline_model::{Code, Lane};
use tieline_tests::{Outcomes, World, notify};

#[actix_rt::test]
async fn the_same_key_twice_is_one_message() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);

    let first = world.call_once(&alice, Some("k1"), notify("bob", "once")).await;
    let second = world.call_once(&alice, Some("k1"), notify("bob", "once")).await;
    assert_eq!(first, second);
    let link = world.link(&alice);
    let third = link.outcome(link.send(Some("k1"), notify("bob", "once"))).await;
    assert_eq!(first, third);

    world.restart().await;
    let after = world.call_once(&alice, Some("k1"), notify("bob", "once")).await;
    assert_eq!(first, after);
    assert_eq!(world.lane(&bob, Lane::Msg).await.items.len(), 1);
    assert_eq!(world.session(bob.home).await.pending, 1);
}

#[actix_rt::test]
async fn another_command_under_the_same_key_is_refused() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    world.call_once(&alice, Some("k1"), notify("bob", "once")).await.accepted();

    let refusal = world.call_once(&alice, Some("k1"), notify("bob", "twice")).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::IdempotencyConflict, Some("key")));
    assert_eq!(world.inbox(&bob).await.items.len(), 1);
}

#[actix_rt::test]
async fn a_key_belongs_to_its_principal_and_a_refusal_uses_none_up() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let carol = world.agent("carol").await;
    world.call_once(&alice, Some("k1"), notify("nobody", "once")).await.refused();
    let one = world.call_once(&alice, Some("k1"), notify("bob", "once")).await.accepted();
    let other = world.call_once(&carol, Some("k1"), notify("bob", "once")).await.accepted();
    assert_ne!(one.message, other.message);
    assert_eq!(world.inbox(&bob).await.items.len(), 2);
    for key in [String::new(), "x".repeat(129)] {
        let refusal = world.call_once(&alice, Some(&key), notify("bob", "once")).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("key")));
    }
}

#[actix_rt::test]
async fn a_key_repeated_at_the_same_time_is_one_message() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let links: Vec<_> = (0..8).map(|_| world.link(&alice)).collect();
    let sent: Vec<_> = links.iter().map(|link| (link, link.send(Some("k1"), notify("bob", "once")))).collect();
    let mut messages = Vec::new();
    for (link, corr) in sent {
        messages.push(link.outcome(corr).await.accepted().message);
    }
    messages.dedup();
    assert_eq!(messages.len(), 1);
    assert_eq!(world.inbox(&bob).await.items.len(), 1);
}
