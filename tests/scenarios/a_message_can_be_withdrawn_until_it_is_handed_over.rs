//! A sender may take back what nobody has; what was handed over speaks for itself.

use tieline_model::{Code, DeliveryState, Lane, ask::AskState};
use tieline_tests::{Outcomes, World, texts};

#[actix_rt::test]
async fn a_notify_is_withdrawn_before_it_is_delivered() {
    let world = World::start().await;
    let (alice, bob, eve) = (world.agent("alice").await, world.agent("bob").await, world.agent("eve").await);
    let wrong = world.notify(&alice, "bob", "wrong").await;
    world.notify(&alice, "bob", "right").await;
    assert_eq!(world.cancel(&eve, wrong.message).await.refused().code, Code::UnknownMessage);
    world.cancel(&alice, wrong.message).await.reply();

    let at_bob = world.attach(&bob).await;
    assert_eq!(at_bob.wait_skip(Lane::Msg, 1).await.reason, DeliveryState::Cancelled);
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["right"]);
    assert_eq!(world.cancel(&alice, wrong.message).await.refused().code, Code::TooLate);
    world.calm().await;
    assert!(world.inbox(&alice).await.items.is_empty(), "whoever withdraws is not told of it");
}

#[actix_rt::test]
async fn it_is_too_late_once_a_link_has_it() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    let sent = world.notify(&alice, "bob", "gone").await;
    at_bob.wait_deliveries(1).await;
    assert_eq!(world.cancel(&alice, sent.message).await.refused().code, Code::TooLate);
    at_bob.take(Lane::Msg, 1).await;
    assert_eq!(world.cancel(&alice, sent.message).await.refused().code, Code::TooLate);
    let state = world.trace(&alice, sent.message).await.deliveries[0].delivery.state;
    assert_eq!(state, DeliveryState::Delivered);
}

#[actix_rt::test]
async fn an_ask_is_withdrawn_until_it_is_answered() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let waiting = world.ask(&alice, "bob", "waiting?").await;
    world.cancel(&alice, waiting.message).await.reply();
    let trace = world.trace(&alice, waiting.message).await;
    assert_eq!(trace.ask.map(|ask| ask.state), Some(AskState::Cancelled));
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Cancelled);

    let at_bob = world.attach(&bob).await;
    let taken = world.ask(&alice, "bob", "taken?").await;
    at_bob.wait_deliveries(1).await;
    at_bob.take(Lane::Msg, 2).await;
    world.cancel(&alice, taken.message).await.reply();
    let trace = world.trace(&alice, taken.message).await;
    assert_eq!(trace.ask.map(|ask| ask.state), Some(AskState::Cancelled));
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Delivered);

    let answered = world.ask(&alice, "bob", "answered?").await;
    world.ack(&bob, answered.message, Some("yes")).await.accepted();
    assert_eq!(world.cancel(&alice, answered.message).await.refused().code, Code::AskClosed);
}

#[actix_rt::test]
async fn a_broadcast_is_withdrawn_from_those_who_do_not_have_it() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let at_bob = world.attach(&bob).await;
    let sent = world.broadcast(&alice, "lunch", &[]).await;
    at_bob.wait_deliveries(1).await;
    at_bob.take(Lane::Bulk, 1).await;
    world.cancel(&alice, sent.message).await.reply();
    let states: Vec<_> = world
        .trace(&alice, sent.message)
        .await
        .deliveries
        .into_iter()
        .map(|it| (it.delivery.session, it.delivery.state))
        .collect();
    assert!(states.contains(&(bob.home, DeliveryState::Delivered)));
    assert!(states.contains(&(carol.home, DeliveryState::Cancelled)));
}
