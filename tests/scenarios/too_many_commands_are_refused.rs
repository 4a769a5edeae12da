//! Who asks too often is told when to come back; saying what was taken is never too often.

use std::time::Duration;

use tieline_model::{Code, Command, Lane, command::Broadcast};
use tieline_tests::{Outcomes, World, notify};

#[actix_rt::test]
async fn too_many_commands_are_refused() {
    let world = World::start_with(|config| {
        (config.limits.rates.agent.per_second, config.limits.rates.agent.burst) = (2, 5);
    })
    .await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 0..5 {
        world.notify(&alice, "bob", &n.to_string()).await;
    }
    let refusal = world.call(&alice, notify("bob", "too many")).await.refused();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(500)));
    // Another principal has its own bucket, and receipts cost nothing.
    let at_bob = world.attach(&bob).await;
    at_bob.wait_deliveries(5).await;
    for _ in 0..20 {
        at_bob.take(Lane::Msg, 5).await;
    }
    world.advance(Duration::from_millis(499)).await;
    assert_eq!(world.call(&alice, notify("bob", "too soon")).await.refused().code, Code::RateLimited);
    world.advance(Duration::from_millis(1)).await;
    world.notify(&alice, "bob", "in time").await;
}

#[actix_rt::test]
async fn an_agents_broadcasts_have_a_narrower_limit() {
    let world = World::start_with(|config| {
        (config.limits.broadcast_rate.per_minute, config.limits.broadcast_rate.burst) = (1, 2);
    })
    .await;
    let alice = world.agent("alice").await;
    let broadcast = || {
        let text = "all".to_owned();
        Command::Broadcast(Broadcast { text, circle: None, exclude: Vec::new(), sender: None, expires_in_ms: None })
    };
    for _ in 0..2 {
        world.call(&alice, broadcast()).await.accepted();
    }
    let refusal = world.call(&alice, broadcast()).await.refused();
    assert_eq!((refusal.code, refusal.retry_after_ms), (Code::RateLimited, Some(60_000)));
    world.notify(&alice, "human", "this still goes").await;
    world.call(world.human(), broadcast()).await.accepted();
    world.advance(Duration::from_secs(60)).await;
    world.call(&alice, broadcast()).await.accepted();
}
