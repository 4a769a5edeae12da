//! `ask_many` opens one ask per addressee; it is resolved when all answered, or with the first.

use tieline_model::{
    Code, Command, DeliveryState, EventBody, Lane,
    ask::AskState,
    command::{AskMany, Need},
};
use tieline_tests::{Outcomes, World, address, texts};

fn ask_many(to: &[&str], need: Need) -> Command {
    let to = to.iter().map(|name| address(name)).collect();
    Command::AskMany(AskMany { to, text: "who?".into(), need, sender: None, expires_in_ms: None })
}

#[actix_rt::test]
async fn all_answers_are_needed() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let at_alice = world.attach(&alice).await;
    let many = at_alice.call(ask_many(&["bob", "carol"], Need::All)).await.accepted_many();
    assert_eq!(many.asks.len(), 2);
    let question = world.inbox(&bob).await.items.remove(0).message;
    assert_eq!((question.group, question.id), (Some(many.group), many.asks[0].message));

    world.ack(&bob, many.asks[0].message, Some("me")).await.accepted();
    let resolved = |events: Vec<tieline_model::Event>| {
        events.into_iter().find_map(|event| match event.body {
            EventBody::GroupResolved { group, answered, total } => Some((group, answered, total)),
            _ => None,
        })
    };
    assert_eq!(resolved(world.timeline(alice.home).await), None);
    world.ack(&carol, many.asks[1].message, Some("me too")).await.accepted();
    assert_eq!(texts(&at_alice.wait_deliveries(2).await), ["me", "me too"]);
    assert_eq!(resolved(world.timeline(alice.home).await), Some((many.group, 2, 2)));
}

#[actix_rt::test]
async fn any_answer_is_enough_and_the_others_are_withdrawn() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let dave = world.agent("dave").await;
    let (at_alice, at_dave) = (world.attach(&alice).await, world.attach(&dave).await);
    let many = world.call(&alice, ask_many(&["bob", "carol", "dave"], Need::Any)).await.accepted_many();
    at_dave.wait_deliveries(1).await;
    at_dave.take(Lane::Msg, 1).await;

    world.ack(&bob, many.asks[0].message, Some("me")).await.accepted();
    assert_eq!(texts(&at_alice.wait_deliveries(1).await), ["me"]);
    let carols = world.trace(&alice, many.asks[1].message).await;
    assert_eq!(carols.ask.map(|ask| ask.state), Some(AskState::Cancelled));
    assert_eq!(carols.deliveries[0].delivery.state, DeliveryState::Cancelled);
    assert!(world.inbox(&carol).await.items.is_empty());
    let daves = world.trace(&alice, many.asks[2].message).await;
    assert_eq!(daves.ask.map(|ask| ask.state), Some(AskState::Cancelled));
    assert_eq!(daves.deliveries[0].delivery.state, DeliveryState::Delivered);

    let answered = world.ack(&dave, many.asks[2].message, Some("me, late")).await.accepted();
    assert!(answered.late);
    assert!(at_alice.wait_deliveries(2).await[1].message.late);
    world.calm().await;
    assert_eq!(at_alice.deliveries().len(), 2, "nobody is told of what nobody needs");
}

#[actix_rt::test]
async fn a_bad_addressee_is_named_and_nothing_is_sent() {
    let world = World::start_with(|config| config.limits.recipients = 3).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for (to, code, field) in [
        (&[] as &[&str], Code::BadInput, "ask_many.to"),
        (&["bob", "bob", "bob", "bob"], Code::BadInput, "ask_many.to"),
        (&["bob", "nobody"], Code::UnknownSession, "ask_many.to[1]"),
        (&["bob", "main/bob"], Code::BadInput, "ask_many.to[1]"),
    ] {
        let refusal = world.call(&alice, ask_many(to, Need::All)).await.refused();
        assert_eq!((refusal.code, refusal.field.as_deref()), (code, Some(field)), "{to:?}");
    }
    assert!(world.inbox(&bob).await.items.is_empty());
}
