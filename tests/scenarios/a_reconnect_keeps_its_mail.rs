//! What a link had and did not confirm comes again on the next one; what the receiver has does not.

use tieline_model::{
    Code, Command, Lane,
    command::{AttachMode, PeerAttach},
    message::PerLane,
};
use tieline_tests::{Outcomes, World, texts};

fn with_cursor(msg: u64, log_id: &str) -> Command {
    Command::PeerAttach(PeerAttach {
        session: None,
        mode: AttachMode::Writer,
        cursors: Some(PerLane { ctl: 0, msg, bulk: 0 }),
        log_id: Some(log_id.to_owned()),
        urgency: None,
    })
}

#[actix_rt::test]
async fn a_reconnect_keeps_its_mail() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.attach(&bob).await;
    for text in ["one", "two", "three"] {
        world.notify(&alice, "bob", text).await;
    }
    let fresh = first.wait_deliveries(3).await;
    assert!(fresh.iter().all(|it| !it.maybe_sent && it.attempt == 1));
    first.take(Lane::Msg, 1).await;
    first.lose();
    world.calm().await;
    world.notify(&alice, "bob", "four").await;

    let second = world.link(&bob);
    assert_eq!(second.attach().await.cursors.msg, 1);
    let again = second.wait_deliveries(3).await;
    assert_eq!(texts(&again), ["two", "three", "four"]);
    // Whoever gets them knows which ones an earlier link may have had.
    assert_eq!(again.iter().map(|it| it.maybe_sent).collect::<Vec<_>>(), [true, true, false]);
    world.calm().await;
    assert_eq!(second.deliveries().len(), 3);
}

#[actix_rt::test]
async fn a_reconnect_keeps_its_mail_across_a_restart() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.attach(&bob).await;
    for text in ["one", "two"] {
        world.notify(&alice, "bob", text).await;
    }
    first.wait_deliveries(2).await;
    first.take(Lane::Msg, 1).await;

    world.restart().await;
    let second = world.attach(&bob).await;
    let again = second.wait_deliveries(1).await;
    assert_eq!(texts(&again), ["two"]);
    assert!(again[0].maybe_sent, "the daemon of before may have sent it");
    world.calm().await;
    assert_eq!(second.deliveries().len(), 1);
}

#[actix_rt::test]
async fn a_receivers_own_cursor_is_a_receipt_that_got_lost() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.attach(&bob).await;
    let sent = world.notify(&alice, "bob", "one").await;
    world.notify(&alice, "bob", "two").await;
    first.wait_deliveries(2).await;
    first.lose();

    let second = world.link(&bob);
    let log_id = world.engine().store().log_id().to_owned();
    let welcome = second.call(with_cursor(1, &log_id)).await.attached();
    assert_eq!((welcome.cursors.msg, welcome.heads.msg), (1, 2));
    assert_eq!(texts(&second.wait_deliveries(1).await), ["two"]);
    let state = world.trace(&alice, sent.message).await.deliveries[0].delivery.state;
    assert_eq!(state, tieline_model::DeliveryState::Delivered);
    assert_eq!(world.session(bob.home).await.pending, 1);
}

#[actix_rt::test]
async fn a_receiver_that_lost_its_own_record_gets_everything_again() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.attach(&bob).await;
    for text in ["one", "two"] {
        world.notify(&alice, "bob", text).await;
    }
    first.wait_deliveries(2).await;
    first.take(Lane::Msg, 2).await;
    first.lose();

    let second = world.link(&bob);
    let log_id = world.engine().store().log_id().to_owned();
    second.call(with_cursor(0, &log_id)).await.attached();
    assert_eq!(texts(&second.wait_deliveries(2).await), ["one", "two"]);
}

#[actix_rt::test]
async fn a_receiver_that_says_at_once_what_it_has_gets_what_comes_after() {
    let world = World::start_with(|config| config.limits.credit = 2).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let first = world.attach(&bob).await;
    for text in ["one", "two", "three", "four"] {
        world.notify(&alice, "bob", text).await;
    }
    first.wait_deliveries(2).await;
    first.lose();

    // The receipt is on its way before the new link was given anything.
    let second = world.link(&bob);
    let hello = second.send(None, Command::PeerAttach(PeerAttach::default()));
    second.take_silently(Lane::Msg, 2);
    second.outcome(hello).await.attached();
    second.wait_attempt(Lane::Msg, 3, 1).await;
    second.wait_attempt(Lane::Msg, 4, 1).await;
}

#[actix_rt::test]
async fn a_cursor_that_this_log_never_gave_out_is_refused() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    world.notify(&alice, "bob", "one").await;
    let log_id = world.engine().store().log_id().to_owned();

    let link = world.link(&bob);
    let refusal = link.call(with_cursor(2, &log_id)).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::CursorBeyondHead, Some("peer_attach.cursors.msg")));
    let refusal = link.call(with_cursor(1, "another")).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::CursorBeyondHead, Some("peer_attach.log_id")));
    assert!(!world.session(bob.home).await.online, "who was refused is not attached");
    link.attach().await;
    assert_eq!(texts(&link.wait_deliveries(1).await), ["one"]);
}
