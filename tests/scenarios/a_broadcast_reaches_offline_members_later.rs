//! A broadcast goes to every open session of the circle, there or not, and to nobody else.

use tieline_model::{Command, Lane, MessageKind, PrincipalKind, SessionId, command::SessionRef};
use tieline_tests::{Outcomes, World, address, texts};

#[actix_rt::test]
async fn a_broadcast_reaches_offline_members_later() {
    let world = World::start().await;
    let (alice, bob, carol) = (world.agent("alice").await, world.agent("bob").await, world.agent("carol").await);
    let dave = world.agent("dave").await;
    let far = world.token("far", PrincipalKind::Agent, Some(&["elsewhere"])).await;
    let closed = world.open(&bob, "finished").await;
    let close = SessionRef { session: address("finished") };
    world.call(&bob, Command::SessionClose(close)).await.reply();
    let (at_alice, at_bob) = (world.attach(&alice).await, world.attach(&bob).await);
    let at_far = world.attach(&far).await;

    let sent = world.broadcast(&alice, "freeze at six", &["dave"]).await;

    let to: Vec<SessionId> = sent.deliveries.iter().map(|delivery| delivery.session).collect();
    assert!(to.contains(&bob.home) && to.contains(&carol.home));
    for left_out in [alice.home, dave.home, far.home, closed.id] {
        assert!(!to.contains(&left_out), "{left_out} is no addressee");
    }
    let now = at_bob.wait_deliveries(1).await;
    assert_eq!((now[0].lane, now[0].message.kind), (Lane::Bulk, MessageKind::Broadcast));

    let at_carol = world.attach(&carol).await;
    assert_eq!(texts(&at_carol.wait_deliveries(1).await), ["freeze at six"]);
    let at_dave = world.attach(&dave).await;
    world.calm().await;
    for nobody in [&at_alice, &at_dave, &at_far] {
        assert_eq!(nobody.deliveries(), []);
    }
}

#[actix_rt::test]
async fn a_broadcast_into_another_circle_is_refused() {
    let world = World::start().await;
    let alice = world.agent("alice").await;
    world.token("far", PrincipalKind::Agent, Some(&["elsewhere"])).await;
    let broadcast = tieline_model::command::Broadcast {
        text: "hello there".into(),
        circle: Some("elsewhere".into()),
        exclude: Vec::new(),
        sender: None,
        expires_in_ms: None,
    };
    let refusal = world.call(&alice, Command::Broadcast(broadcast)).await.refused();
    assert_eq!((refusal.code, refusal.field.as_deref()), (tieline_model::Code::Forbidden, Some("broadcast.circle")));
    assert_eq!(refusal.candidates, ["main"]);
}
