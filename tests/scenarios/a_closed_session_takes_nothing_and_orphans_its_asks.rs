//! Closing a session ends what it was asked, tells the askers, and ends its writer's link.

use tieline_model::{
    Address, Code, Command, DeliveryState,
    ask::AskState,
    command::{Broadcast, SessionRef},
};
use tieline_tests::{Outcomes, World, address, ask, notice, notify};

#[actix_rt::test]
async fn a_closed_session_takes_nothing_and_orphans_its_asks() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_alice = world.attach(&alice).await;
    let review = world.open(&bob, "review").await;
    let peer = world.link(&bob);
    let attach = tieline_model::command::PeerAttach { session: Some(address("review")), ..Default::default() };
    peer.call(Command::PeerAttach(attach)).await.attached();
    let asked = world.ask(&alice, "review", "looks good?").await;
    peer.wait_deliveries(1).await;

    world.call(&bob, Command::SessionClose(SessionRef { session: address("review") })).await.reply();

    assert_eq!(peer.wait_down().await.code, 4409);
    let told = at_alice.wait_deliveries(1).await;
    assert_eq!((notice(&told[0]).message, notice(&told[0]).state), (asked.message, DeliveryState::Dead));
    assert_eq!(world.trace(&alice, asked.message).await.ask.map(|ask| ask.state), Some(AskState::Orphaned));
    for _ in 0..2 {
        let by_id = world.call(&alice, notify(&review.id.to_string(), "hello?")).await.refused();
        assert_eq!(by_id.code, Code::SessionClosed);
        let by_name = world.call(&alice, notify("review", "hello?")).await.refused();
        assert_eq!(by_name.code, Code::SessionClosed);
        world.restart().await;
    }
}

#[actix_rt::test]
async fn the_home_of_a_good_token_stays_open() {
    let world = World::start().await;
    let bob = world.agent("bob").await;
    let refusal = world.call(&bob, Command::SessionClose(SessionRef { session: address("bob") })).await.refused();
    assert_eq!(refusal.code, Code::Forbidden);
}

#[actix_rt::test]
async fn what_comes_right_behind_the_end_is_refused() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for _ in 0..10 {
        let review = world.open(&bob, "review").await.id;
        let link = world.link(&bob);
        let close = link.send(None, Command::SessionClose(SessionRef { session: Address::Session(review) }));
        let behind = [notify("review", "too late"), ask("review", "too late?")].map(|command| link.send(None, command));
        let broadcast =
            Broadcast { text: "all".into(), circle: None, exclude: vec![], sender: None, expires_in_ms: None };
        let broadcast = link.send(None, Command::Broadcast(broadcast));
        link.outcome(close).await.reply();
        for corr in behind {
            let refusal = link.outcome(corr).await.refused();
            assert!(matches!(refusal.code, Code::SessionClosed | Code::UnknownSession), "{refusal:?}");
        }
        let told = link.outcome(broadcast).await.accepted();
        assert!(told.deliveries.iter().all(|delivery| delivery.session != review));
        assert!(told.deliveries.iter().any(|delivery| delivery.session == alice.home));
        assert_eq!(world.session(review).await.pending, 0);
    }
}
