//! An ack without text closes the ask; a second one is refused and changes nothing.

use tieline_model::{Code, MessageKind, ask::AskState};
use tieline_tests::{Outcomes, World};

#[actix_rt::test]
async fn a_bare_ack_closes_an_ask() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_alice = world.attach(&alice).await;
    let asked = world.ask(&alice, "bob", "seen it?").await;

    let closed = world.ack(&bob, asked.message, None).await.accepted();

    let ack = at_alice.wait_deliveries(1).await.remove(0);
    assert_eq!((ack.message.id, ack.message.kind), (closed.message, MessageKind::Ack));
    assert_eq!(ack.message.text, None);
    assert_eq!(world.trace(&alice, asked.message).await.ask.map(|ask| ask.state), Some(AskState::Answered));

    let refusal = world.ack(&bob, asked.message, None).await.refused();
    assert_eq!(refusal.code, Code::AskClosed);
    world.calm().await;
    assert_eq!(at_alice.deliveries().len(), 1);
}
