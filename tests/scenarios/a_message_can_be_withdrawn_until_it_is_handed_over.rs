//! A sender may take back what nobody has; what was handed over speaks for itself.

use tieline_model::{
    Code, Command, DeliveryState, Lane,
    ask::AskState,
    command::{MessageRef, PeerAttach},
};
use tieline_tests::{Heard, Outcomes, World, texts};

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

#[actix_rt::test]
async fn what_was_withdrawn_is_not_handed_over_afterwards() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_alice = world.link(&alice);
    // A long inbox takes a moment to read; the word that its last message is withdrawn comes meanwhile.
    let long = "x".repeat(50_000);
    let mut withdrawn = 0;
    for round in 1..=60 {
        for text in ["one", "two", &long] {
            world.notify(&alice, "bob", text).await;
        }
        let seq = 4 * round;
        let message = world.notify(&alice, "bob", "withdrawn").await.message;
        let at_bob = world.link(&bob);
        let hello = at_bob.send(None, Command::PeerAttach(PeerAttach::default()));
        for _ in 0..round % 10 {
            tokio::task::yield_now().await;
        }
        let cancel = at_alice.send(None, Command::Cancel(MessageRef { message }));
        at_bob.outcome(hello).await.attached();
        let is_withdrawn = at_alice.outcome(cancel).await.is_ok();
        at_bob
            .until("the last one is settled", |heard| heard.iter().any(|it| number(it) == Some(seq)).then_some(()))
            .await;
        if is_withdrawn {
            withdrawn += 1;
            let is_word = |heard: &Heard| matches!(heard, Heard::Outcome { corr, .. } if *corr == cancel);
            let told = at_alice.heard_since(0).into_iter().find(|(_, heard)| is_word(heard)).map(|(place, _)| place);
            let is_late = |(place, heard): &(u64, Heard)| {
                matches!(heard, Heard::Delivery(delivery) if delivery.seq == seq) && Some(*place) > told
            };
            assert!(!at_bob.heard_since(0).iter().any(is_late), "round {round}: its sender was told that it is gone");
        }
        at_bob.take(Lane::Msg, seq).await;
        at_bob.lose();
    }
    assert!(withdrawn > 0, "it was always too late");
}

fn number(heard: &Heard) -> Option<u64> {
    match heard {
        Heard::Delivery(delivery) => Some(delivery.seq),
        Heard::Skip(skip) => Some(skip.seq),
        _ => None,
    }
}
