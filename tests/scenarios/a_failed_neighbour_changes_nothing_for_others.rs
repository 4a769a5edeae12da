//! Commands share a commit; when one of them fails, the others are carried out as if it had never been there.

use std::fs;

use tieline_model::{
    Command, Failure, Lane,
    command::{MessageRef, PeerAttach, ReceiptState},
};
use tieline_tests::{Outcomes, World, notify, texts};

/// Damages where a message went, so that withdrawing it fails inside the transaction.
async fn damage(world: &mut World, recipients: &str) {
    world.kill().await;
    let file = world.database();
    let mut bytes = fs::read(&file).expect("the database");
    let places: Vec<_> =
        bytes.windows(recipients.len()).enumerate().filter(|(_, it)| *it == recipients.as_bytes()).collect();
    let [(at, _)] = places[..] else { panic!("{} places of {recipients}", places.len()) };
    bytes[at] = b'{';
    fs::write(&file, bytes).expect("the damage is done");
    world.restart().await;
}

#[actix_rt::test]
async fn a_writer_is_fenced_though_the_first_attempt_was_rolled_back() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let mut last = world.notify(&bob, "alice", "0").await;
    for n in 1..=50 {
        last = world.notify(&bob, "alice", &n.to_string()).await;
    }
    // Nothing else in the file reads like the place of the fifty-first message of the third session.
    damage(&mut world, "[[3,51]]").await;
    let bad = || Command::Cancel(MessageRef { message: last.message });
    assert!(matches!(world.call(&bob, bad()).await, Err(Failure::Fault(_))), "it fails alone");

    for _ in 0..10 {
        let first = world.attach(&bob).await;
        let second = world.link(&bob);
        // The first of these is on the disk while the others wait, and share the next commit.
        for n in 0..20 {
            first.send(None, notify("alice", &n.to_string()));
        }
        let hello = second.send(None, Command::PeerAttach(PeerAttach::default()));
        let failing = first.send(None, bad());
        assert!(matches!(first.outcome(failing).await, Err(Failure::Fault(_))));
        second.outcome(hello).await.attached();
        assert_eq!(first.wait_down().await.code, 4409);
        let refusal = first.receipt(Lane::Msg, 0, ReceiptState::Delivered).await.refused();
        assert_eq!(refusal.code, tieline_model::Code::Fenced);
    }
    let at_bob = world.attach(&bob).await;
    world.notify(&alice, "bob", "all well?").await;
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["all well?"]);
    at_bob.take(Lane::Msg, 1).await;
}
