//! The end of an old link, however late it is noticed, takes nothing from the link that came after it.

use tieline_model::{Lane, reply::Reachability};
use tieline_tests::{World, texts};

#[actix_rt::test]
async fn a_late_goodbye_does_not_evict_the_reconnect() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let old = world.attach(&bob).await;
    let new = world.attach(&bob).await;

    old.lose();
    world.calm().await;

    assert!(world.session(bob.home).await.online);
    let sent = world.notify(&alice, "bob", "still there?").await;
    assert_eq!(sent.deliveries[0].reachability, Some(Reachability::Online));
    assert_eq!(texts(&new.wait_deliveries(1).await), ["still there?"]);
    new.take(Lane::Msg, 1).await;
}

#[actix_rt::test]
async fn a_link_that_is_lost_while_it_attaches_holds_nothing() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for _ in 0..20 {
        let hasty = world.link(&bob);
        hasty.send(None, tieline_model::Command::PeerAttach(Default::default()));
        hasty.lose();
    }
    world.calm().await;
    assert!(!world.session(bob.home).await.online);
    world.notify(&alice, "bob", "hello").await;
    let patient = world.attach(&bob).await;
    assert_eq!(texts(&patient.wait_deliveries(1).await), ["hello"]);
}
