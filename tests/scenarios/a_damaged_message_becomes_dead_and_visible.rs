//! Words that changed on the disk are never handed out: the delivery ends as dead, its sender is told, and what
//! comes after it still arrives.

use std::fs;

use tieline_model::{Command, DeliveryState, Failure, Lane, command::MessageRef};
use tieline_tests::{World, notice, texts};

#[actix_rt::test]
async fn a_damaged_message_becomes_dead_and_visible() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let damaged = world.notify(&alice, "bob", "the sky is blue today").await;
    world.notify(&alice, "bob", "and the sea too").await;
    world.kill().await;
    let file = world.database();
    let mut bytes = fs::read(&file).expect("the database");
    let words = b"the sky is blue today";
    let at = bytes.windows(words.len()).position(|window| window == words).expect("the words are in the file");
    bytes[at + 11] = b'g';
    fs::write(&file, bytes).expect("the damage is done");
    world.restart().await;

    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    assert_eq!(at_bob.wait_skip(Lane::Msg, 1).await.reason, DeliveryState::Dead);
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["and the sea too"]);
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!((notice(&told[0]).message, notice(&told[0]).state), (damaged.message, DeliveryState::Dead));
    assert!(notice(&told[0]).reason.as_deref().is_some_and(|reason| reason.contains("hash")));
    let trace = world.call(&alice, Command::Trace(MessageRef { message: damaged.message })).await;
    assert!(matches!(trace, Err(Failure::Fault(_))), "damaged words are shown to nobody: {trace:?}");
    at_bob.take(Lane::Msg, 2).await;
    assert_eq!(world.session(bob.home).await.pending, 0);
}
