//! A receiver is given as much as it has credit for, lane by lane, and the rest when it has caught up.

use tieline_model::{Lane, LinkId};
use tieline_tests::{Client, World, texts};

async fn in_flight(world: &World, link: LinkId) -> u64 {
    let list = tieline_model::Command::PeerList(Default::default());
    match world.call(world.human(), list).await {
        Ok(tieline_model::Reply::Peers(peers)) => {
            peers.peers.iter().find(|peer| peer.link == Some(link)).map_or(0, |peer| peer.in_flight)
        }
        other => panic!("wanted peers, found {other:?}"),
    }
}

fn seqs(client: &Client, lane: Lane) -> Vec<u64> {
    client.deliveries().iter().filter(|it| it.lane == lane).map(|it| it.seq).collect()
}

#[actix_rt::test]
async fn credit_bounds_what_is_in_flight() {
    let world = World::start_with(|config| config.limits.credit = 3).await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    for n in 1..=10 {
        world.notify(&alice, "bob", &n.to_string()).await;
    }
    at_bob.wait_deliveries(3).await;
    world.calm().await;
    assert_eq!((seqs(&at_bob, Lane::Msg), in_flight(&world, at_bob.link).await), (vec![1, 2, 3], 3));
    at_bob.take(Lane::Msg, 2).await;
    at_bob.wait_deliveries(5).await;
    world.calm().await;
    assert_eq!((seqs(&at_bob, Lane::Msg), in_flight(&world, at_bob.link).await), (vec![1, 2, 3, 4, 5], 3));

    // A receiver may take less at once, never more than the daemon gives.
    at_bob.credit(Lane::Msg, 1);
    at_bob.take(Lane::Msg, 5).await;
    at_bob.wait_deliveries(6).await;
    world.calm().await;
    assert_eq!(in_flight(&world, at_bob.link).await, 1);
    at_bob.credit(Lane::Msg, 1_000);
    at_bob.wait_deliveries(8).await;
    world.calm().await;
    assert_eq!(in_flight(&world, at_bob.link).await, 3);
    at_bob.take(Lane::Msg, 8).await;
    assert_eq!(texts(&at_bob.wait_deliveries(10).await)[8..], ["9", "10"]);
    at_bob.take(Lane::Msg, 10).await;
    assert_eq!(seqs(&at_bob, Lane::Msg), (1..=10).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_lane_without_credit_does_not_hold_up_another() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let at_bob = world.attach(&bob).await;
    at_bob.credit(Lane::Msg, 0);
    world.notify(&alice, "bob", "wait").await;
    world.broadcast(&alice, "everybody", &[]).await;
    assert_eq!(texts(&at_bob.wait_deliveries(1).await), ["everybody"]);
    world.calm().await;
    assert_eq!(seqs(&at_bob, Lane::Msg), [0; 0]);
    at_bob.credit(Lane::Msg, 5);
    assert_eq!(texts(&at_bob.wait_deliveries(2).await)[1], "wait");
}

#[actix_rt::test]
async fn a_transport_that_is_full_is_given_the_rest_when_it_has_room() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    for n in 1..=6 {
        world.notify(&alice, "bob", &n.to_string()).await;
    }
    world.port().set_room(Some(2));
    let at_bob = world.attach(&bob).await;
    at_bob.wait_deliveries(2).await;
    world.calm().await;
    assert_eq!(seqs(&at_bob, Lane::Msg), [1, 2]);
    let asked = world.port().refusals();
    world.calm().await;
    assert_eq!(world.port().refusals(), asked, "a full transport is not asked again and again");
    world.notify(&alice, "bob", "7").await;
    world.port().set_room(None);
    world.engine().links.writable("fake");
    at_bob.wait_deliveries(7).await;
    world.calm().await;
    assert_eq!(seqs(&at_bob, Lane::Msg), [1, 2, 3, 4, 5, 6, 7]);
}
