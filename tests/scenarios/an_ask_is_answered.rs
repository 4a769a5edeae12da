//! An ask reaches the session that was asked, and its answer comes back to the asker's inbox.

use tieline_model::{Command, DeliveryState, Lane, MessageKind, ask::AskState, command::Ack};
use tieline_tests::{Outcomes, World, ask};

#[actix_rt::test]
async fn an_ask_is_answered() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);

    let asked = at_alice.call(ask("bob", "is it green?")).await.accepted();

    let question = at_bob.wait_deliveries(1).await.remove(0);
    assert_eq!((question.lane, question.seq, question.attempt), (Lane::Msg, 1, 1));
    assert_eq!(question.message.id, asked.message);
    assert_eq!(question.message.thread, Some(asked.message));
    assert_eq!(question.message.kind, MessageKind::Ask);
    assert_eq!(question.message.from.title, "alice");
    assert_eq!(question.message.text.as_deref(), Some("is it green?"));
    at_bob.take(Lane::Msg, 1).await;

    let ack = Ack { ask: asked.message, text: Some("it is".into()), sender: None, decline: false };
    let answered = at_bob.call(Command::Ack(ack)).await.accepted();
    assert!(!answered.late);

    let answer = at_alice.wait_deliveries(1).await.remove(0);
    assert_eq!(answer.message.id, answered.message);
    assert_eq!((answer.message.kind, answer.message.reply_to), (MessageKind::Ack, Some(asked.message)));
    assert_eq!(answer.message.text.as_deref(), Some("it is"));

    let trace = world.trace(&alice, asked.message).await;
    let view = trace.ask.expect("an ask's trace shows where it stands");
    assert_eq!((view.state, view.answer), (AskState::Answered, Some(answered.message)));
    let states: Vec<_> = trace.deliveries[0].evidence.iter().map(|evidence| evidence.state).collect();
    assert_eq!(states, [DeliveryState::Accepted, DeliveryState::Delivered, DeliveryState::Answered]);
}

#[actix_rt::test]
async fn an_ask_is_answered_without_any_link() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);

    let asked = world.ask(&alice, "bob", "over http?").await;
    let waiting = world.inbox(&bob).await;
    assert_eq!(waiting.items[0].message.id, asked.message);

    world.ack(&bob, asked.message, Some("yes")).await.accepted();
    assert!(world.inbox(&bob).await.items.is_empty(), "what was answered waits no longer");
    let answer = world.inbox(&alice).await;
    assert_eq!(answer.items[0].message.text.as_deref(), Some("yes"));
}

#[actix_rt::test]
async fn only_the_session_that_was_asked_may_answer() {
    let world = World::start().await;
    let (alice, mallory) = (world.agent("alice").await, world.agent("mallory").await);
    world.agent("bob").await;
    let asked = world.ask(&alice, "bob", "is it green?").await;

    let refusal = world.ack(&mallory, asked.message, Some("sure")).await.refused();
    assert_eq!(refusal.code, tieline_model::Code::NotAddressee);
    assert_eq!(world.trace(&alice, asked.message).await.ask.map(|ask| ask.state), Some(AskState::Open));
    assert!(world.inbox(&alice).await.items.is_empty());
}
