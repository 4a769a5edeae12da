//! An ask outlives the daemon that took it: it is answered by the session, not by the process.

use tieline_model::{Lane, ask::AskState};
use tieline_tests::{Outcomes, World, texts};

#[actix_rt::test]
async fn open_asks_survive_a_restart() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let taken = world.ask(&alice, "bob", "taken before?").await;
    let waiting = world.ask(&alice, "bob", "waiting?").await;
    let at_bob = world.attach(&bob).await;
    at_bob.wait_deliveries(2).await;
    at_bob.take(Lane::Msg, 1).await;

    world.restart().await;

    let trace = world.trace(&alice, taken.message).await;
    assert_eq!(trace.ask.map(|ask| ask.state), Some(AskState::Open));
    let at_alice = world.attach(&alice).await;
    let at_bob = world.attach(&bob).await;
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["waiting?"]);
    world.ack(&bob, taken.message, Some("one")).await.accepted();
    world.ack(&bob, waiting.message, Some("two")).await.accepted();
    assert_eq!(texts(&at_alice.wait_deliveries(2).await), ["one", "two"]);

    world.restart().await;
    let refusal = world.ack(&bob, taken.message, None).await.refused();
    assert_eq!(refusal.code, tieline_model::Code::AskClosed);
    let at_alice = world.attach(&alice).await;
    assert_eq!(texts(&at_alice.wait_deliveries(2).await), ["one", "two"]);
}
