//! A state is shown with its evidence: `sent` only while a link has it, `delivered` only after a receipt.

use tieline_model::{DeliveryState, Lane, MessageId, Principal, command::ReceiptState};
use tieline_tests::{Heard, Outcomes, World};

async fn states(world: &World, by: &std::sync::Arc<Principal>, message: MessageId) -> Vec<DeliveryState> {
    let delivery = world.trace(by, message).await.deliveries.remove(0);
    let states: Vec<_> = delivery.evidence.iter().map(|evidence| evidence.state).collect();
    assert_eq!(states.last(), Some(&delivery.delivery.state), "a state without its evidence");
    states
}

#[actix_rt::test]
async fn a_trace_claims_no_more_than_is_known() {
    use DeliveryState::{Accepted, Delivered, Seen, Sent};
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_alice = world.attach(&alice).await;
    let message = world.notify(&alice, "bob", "where am I?").await.message;
    assert_eq!(states(&world, &alice, message).await, [Accepted]);

    let first = world.attach(&bob).await;
    first.wait_deliveries(1).await;
    assert_eq!(states(&world, &alice, message).await, [Accepted, Sent]);
    let evidence = world.trace(&alice, message).await.deliveries.remove(0).evidence.remove(1).what;
    assert!(evidence.contains(&first.link.to_string()) && evidence.contains("`fake`"), "{evidence}");
    assert_eq!(world.inbox(&bob).await.items[0].state, Sent);

    first.lose();
    world.calm().await;
    assert_eq!(states(&world, &alice, message).await, [Accepted], "no link has it any more");

    let second = world.attach(&bob).await;
    second.wait_deliveries(1).await;
    second.take(Lane::Msg, 1).await;
    assert_eq!(states(&world, &alice, message).await, [Accepted, Delivered]);
    second.receipt(Lane::Msg, 1, ReceiptState::Seen).await.reply();
    assert_eq!(states(&world, &alice, message).await, [Accepted, Delivered, Seen]);
    let evidence = world.trace(&alice, message).await.deliveries.remove(0).evidence;
    assert!(evidence[1].what.contains("epoch 2"), "{evidence:?}");

    // The sender's own link is told as it happens.
    let progress = at_alice
        .until("both steps are told", |heard| {
            let steps: Vec<_> = heard
                .iter()
                .filter_map(|heard| match heard {
                    Heard::Progress(step) => Some((step.message, step.session, step.state)),
                    _ => None,
                })
                .collect();
            (steps.len() == 2).then_some(steps)
        })
        .await;
    assert_eq!(progress, [(message, bob.home, Delivered), (message, bob.home, Seen)]);
}

#[actix_rt::test]
async fn seen_implies_delivered() {
    use DeliveryState::{Accepted, Seen};
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    let message = world.notify(&alice, "bob", "look").await.message;
    at_bob.wait_deliveries(1).await;
    at_bob.receipt(Lane::Msg, 1, ReceiptState::Seen).await.reply();
    let found = states(&world, &alice, message).await;
    assert_eq!((found[0], found[found.len() - 1]), (Accepted, Seen));
    assert_eq!(world.session(bob.home).await.pending, 0);
}

#[actix_rt::test]
async fn what_only_waits_for_credit_was_not_sent() {
    let world = World::start_with(|config| config.limits.credit = 1).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    let first = world.notify(&alice, "bob", "one").await.message;
    let second = world.notify(&alice, "bob", "two").await.message;
    at_bob.wait_deliveries(1).await;
    world.calm().await;
    assert_eq!(states(&world, &alice, first).await.len(), 2);
    assert_eq!(states(&world, &alice, second).await, [DeliveryState::Accepted]);
}
