//! An answer that comes after its ask was closed is not thrown away: it is delivered, and says that it is late.

use std::time::Duration;

use tieline_model::{Code, Command, Lane, command::Ask};
use tieline_tests::{Outcomes, World, address, texts};

#[actix_rt::test]
async fn a_late_answer_is_delivered_as_late() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let ask = Ask { expires_in_ms: Some(1_000), ..Ask::new(address("bob"), "quick?") };
    let asked = world.call(&alice, Command::Ask(ask)).await.accepted();
    at_bob.wait_deliveries(1).await;
    at_bob.take(Lane::Msg, 1).await;
    world.advance(Duration::from_secs(1)).await;
    at_alice.wait_deliveries(1).await;

    let answered = world.ack(&bob, asked.message, Some("sorry, slow")).await.accepted();
    assert!(answered.late, "the answerer is told");
    let all = at_alice.wait_deliveries(2).await;
    assert_eq!(texts(&all)[1], "sorry, slow");
    assert!(all[1].message.late, "and so is the asker");
    assert_eq!(all[1].message.reply_to, Some(asked.message));

    let refusal = world.ack(&bob, asked.message, None).await.refused();
    assert_eq!(refusal.code, Code::AskClosed);
}
