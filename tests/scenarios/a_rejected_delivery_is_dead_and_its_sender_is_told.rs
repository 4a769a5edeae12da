//! A receiver may refuse a message for good: it is kept as dead, and its sender learns why.

use tieline_model::{Code, DeliveryState, Lane, ask::AskState, command::ReceiptState};
use tieline_tests::{Outcomes, World, notice};

#[actix_rt::test]
async fn a_rejected_delivery_is_dead_and_its_sender_is_told() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let sent = world.notify(&alice, "bob", "too long for me").await;
    world.notify(&alice, "bob", "fine").await;
    at_bob.wait_deliveries(2).await;

    at_bob.reject(Lane::Msg, 1, "does not fit").await.reply();

    let told = at_alice.wait_deliveries(1).await;
    let about = notice(&told[0]);
    assert_eq!((about.message, about.session, about.state), (sent.message, bob.home, DeliveryState::Dead));
    assert_eq!(about.reason.as_deref(), Some("does not fit"));
    let trace = world.trace(&alice, sent.message).await;
    assert_eq!(trace.deliveries[0].delivery.state, DeliveryState::Dead);
    assert_eq!(trace.deliveries[0].evidence.last().map(|it| it.what.as_str()), Some("does not fit"));
    at_bob.take(Lane::Msg, 2).await;
    let state = world.trace(&alice, sent.message).await.deliveries[0].delivery.state;
    assert_eq!(state, DeliveryState::Dead, "a later receipt does not raise the dead");
    assert_eq!(world.session(bob.home).await.pending, 0);
}

#[actix_rt::test]
async fn a_rejected_ask_stays_open_and_its_asker_is_told() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let asked = world.ask(&alice, "bob", "can you?").await;
    at_bob.wait_deliveries(1).await;
    at_bob.reject(Lane::Msg, 1, "no model here").await.reply();
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!((notice(&told[0]).message, notice(&told[0]).state), (asked.message, DeliveryState::Dead));
    assert_eq!(world.trace(&alice, asked.message).await.ask.map(|ask| ask.state), Some(AskState::Open));
}

#[actix_rt::test]
async fn a_receipt_for_what_was_never_given_out_is_refused() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    world.notify(&alice, "bob", "one").await;
    at_bob.wait_deliveries(1).await;
    for state in [ReceiptState::Delivered, ReceiptState::Seen] {
        let refusal = at_bob.receipt(Lane::Msg, 2, state).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::CursorBeyondHead, Some("receipt.through")));
    }
    let refusal = at_bob.receipt(Lane::Msg, 1, ReceiptState::Rejected).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::BadInput, Some("receipt.seq")));
    assert_eq!(world.session(bob.home).await.pending, 1, "a refused receipt changes nothing");
    // Repeated and outdated receipts are no news and no mistake.
    for through in [1, 1, 0] {
        at_bob.take(Lane::Msg, through).await;
    }
    assert_eq!(world.session(bob.home).await.pending, 0);
}
