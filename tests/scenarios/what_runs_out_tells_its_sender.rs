//! A message that is not delivered in its time ends as expired and its sender is told; one that is on a link is
//! given the time to arrive.

use std::time::Duration;

use tieline_model::{
    Command, DeliveryState, Lane,
    ask::AskState,
    command::{Ask, Notify},
};
use tieline_tests::{Outcomes, World, address, notice, texts};

fn notify_for(to: &str, text: &str, ms: u64) -> Command {
    let (to, text) = (address(to), text.to_owned());
    Command::Notify(Notify { expires_in_ms: Some(ms), ..Notify::new(to, text) })
}

fn ask_for(to: &str, text: &str, ms: u64) -> Command {
    let (to, text) = (address(to), text.to_owned());
    Command::Ask(Ask { expires_in_ms: Some(ms), ..Ask::new(to, text) })
}

#[actix_rt::test]
async fn a_notify_that_runs_out_tells_its_sender() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_alice = world.attach(&alice).await;
    let short = world.call(&alice, notify_for("bob", "quick", 5_000)).await.accepted();
    world.call(&alice, notify_for("bob", "slow", 60_000)).await.accepted();

    world.advance(Duration::from_millis(4_999)).await;
    assert_eq!(world.session(bob.home).await.pending, 2);
    world.advance(Duration::from_millis(1)).await;

    let told = at_alice.wait_deliveries(1).await;
    let about = notice(&told[0]);
    assert_eq!((told[0].lane, about.message, about.session), (Lane::Ctl, short.message, bob.home));
    assert_eq!(about.state, DeliveryState::Expired);
    let trace = world.trace(&alice, short.message).await;
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Expired);

    // The receiver learns of the number and not of the words.
    let at_bob = world.attach(&bob).await;
    assert_eq!(at_bob.wait_skip(Lane::Msg, 1).await.reason, DeliveryState::Expired);
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["slow"]);
    at_bob.take(Lane::Msg, 2).await;
    world.calm().await;
    assert_eq!(at_alice.deliveries().len(), 1);
}

#[actix_rt::test]
async fn an_ask_that_runs_out_is_expired_and_its_asker_is_told_once() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let asked = world.call(&alice, ask_for("bob", "quick?", 5_000)).await.accepted();
    // The instant is found again by the daemon that comes after.
    world.restart().await;
    let at_alice = world.attach(&alice).await;
    world.advance(Duration::from_secs(5)).await;

    let told = at_alice.wait_deliveries(1).await;
    assert_eq!((notice(&told[0]).message, notice(&told[0]).state), (asked.message, DeliveryState::Expired));
    at_alice.take(Lane::Ctl, 1).await;
    let trace = world.trace(&alice, asked.message).await;
    assert_eq!(trace.ask.map(|ask| ask.state), Some(AskState::Expired));
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Expired);
    world.advance(Duration::from_secs(3600)).await;
    assert_eq!(at_alice.deliveries().len(), 1, "told once");
    assert!(world.inbox(&bob).await.items.is_empty());
}

#[actix_rt::test]
async fn an_ask_that_was_delivered_and_not_answered_expires_too() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let asked = world.call(&alice, ask_for("bob", "quick?", 5_000)).await.accepted();
    at_bob.wait_deliveries(1).await;
    at_bob.take(Lane::Msg, 1).await;
    world.advance(Duration::from_secs(5)).await;
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!(notice(&told[0]).state, DeliveryState::Expired);
    let trace = world.trace(&alice, asked.message).await;
    assert_eq!(trace.ask.map(|ask| ask.state), Some(AskState::Expired));
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Delivered, "what was delivered stays so");
}

#[actix_rt::test]
async fn what_is_on_a_link_is_given_the_time_to_arrive() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let sent = world.call(&alice, notify_for("bob", "under way", 5_000)).await.accepted();
    at_bob.wait_deliveries(1).await;

    world.advance(Duration::from_secs(6)).await;
    at_bob.take(Lane::Msg, 1).await;
    world.advance(Duration::from_secs(3600)).await;
    assert_eq!(at_alice.deliveries(), []);
    let trace = world.trace(&alice, sent.message).await;
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Delivered);
}

#[actix_rt::test]
async fn what_ran_out_on_a_link_that_was_lost_expires_after_all() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    world.call(&alice, notify_for("bob", "under way", 5_000)).await.accepted();
    at_bob.wait_deliveries(1).await;
    world.advance(Duration::from_secs(6)).await;
    at_bob.lose();
    world.calm().await;
    world.advance(Duration::from_secs(20)).await;
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!(notice(&told[0]).state, DeliveryState::Expired);
    assert_eq!(world.session(bob.home).await.pending, 0);
}
