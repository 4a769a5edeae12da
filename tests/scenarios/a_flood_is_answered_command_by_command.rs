//! However much comes at once, every command is answered: accepted and kept, or refused as busy and not stored.

use tieline_model::{Code, Failure, Lane, Reply};
use tieline_tests::{World, notify};

const COMMANDS: usize = 5_000;

#[actix_rt::test]
async fn a_flood_is_answered_command_by_command() {
    let world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.link(&alice);
    let sent: Vec<u64> = (0..COMMANDS).map(|n| link.send(None, notify("bob", &n.to_string()))).collect();
    let mut accepted = Vec::new();
    let mut refused = 0;
    for corr in sent {
        match link.outcome(corr).await {
            Ok(Reply::Accepted(reply)) => accepted.push(reply.deliveries[0].seq),
            Err(Failure::Refusal(refusal)) if refusal.code == Code::Busy => {
                assert!(refusal.retry_after_ms.is_some());
                refused += 1;
            }
            other => panic!("wanted an acceptance or `busy`, found {other:?}"),
        }
    }
    assert!(refused > 0, "this was no flood");
    assert_eq!(accepted, (1..=accepted.len() as u64).collect::<Vec<_>>(), "in the order in which they were sent");
    assert_eq!(world.lane(&bob, Lane::Msg).await.heads.msg, accepted.len() as u64);
    // It passes: afterwards there is room again.
    world.notify(&alice, "bob", "and now?").await;
}

#[actix_rt::test]
async fn many_links_at_once_share_the_mesh() {
    let world = World::start().await;
    let bob = world.agent("bob").await;
    let mut links = Vec::new();
    for n in 0..40 {
        links.push(world.attach(&world.agent(&format!("agent-{n}")).await).await);
    }
    let at_bob = world.attach(&bob).await;
    let sent: Vec<_> = (0..800).map(|n| (n % 40, links[n % 40].send(None, notify("bob", &n.to_string())))).collect();
    for (n, corr) in sent {
        assert!(links[n].outcome(corr).await.is_ok());
    }
    let mut taken = 0;
    while taken < 800 {
        let seen = at_bob.wait_deliveries(taken + 1).await;
        taken = seen.len();
        at_bob.take_silently(Lane::Msg, seen[taken - 1].seq);
    }
    let seqs: Vec<u64> = at_bob.deliveries().iter().map(|it| it.seq).collect();
    assert_eq!(seqs, (1..=800).collect::<Vec<_>>());
}
