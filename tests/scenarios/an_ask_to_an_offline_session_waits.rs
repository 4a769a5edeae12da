//! What is sent to a session that nobody is attached to waits, and arrives in order when somebody is.

use tieline_model::{DeliveryState, Lane, reply::Reachability};
use tieline_tests::{World, texts};

#[actix_rt::test]
async fn an_ask_to_an_offline_session_waits_and_arrives_on_attach_in_order() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);

    let asked = world.ask(&alice, "bob", "first").await;
    assert_eq!(asked.deliveries[0].reachability, Some(Reachability::Offline));
    assert_eq!(asked.deliveries[0].state, DeliveryState::Accepted);
    for text in ["second", "third"] {
        world.notify(&alice, "bob", text).await;
    }
    world.restart().await;
    world.notify(&alice, "bob", "fourth").await;
    assert_eq!(world.session(bob.home).await.pending, 4);

    let at_bob = world.link(&bob);
    let welcome = at_bob.attach().await;
    assert_eq!((welcome.heads.msg, welcome.cursors.msg), (4, 0));
    let deliveries = at_bob.wait_deliveries(4).await;
    assert_eq!(texts(&deliveries), ["first", "second", "third", "fourth"]);
    assert_eq!(deliveries.iter().map(|it| it.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);

    at_bob.take(Lane::Msg, 4).await;
    assert_eq!(world.session(bob.home).await.pending, 0);
    let later = world.notify(&alice, "bob", "fifth").await;
    assert_eq!(later.deliveries[0].reachability, Some(Reachability::Online));
    assert_eq!(texts(&at_bob.wait_deliveries(5).await)[4], "fifth");
}
