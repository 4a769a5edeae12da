//! While it shuts down, the daemon refuses what is new in words and keeps what it accepted.

use tieline_model::Code;
use tieline_tests::{Outcomes, World, notify};

#[actix_rt::test]
async fn a_daemon_that_stops_says_so() {
    let mut world = World::start().await;
    let (alice, bob) = (world.agent("alice").await, world.agent("bob").await);
    let link = world.attach(&alice).await;
    let accepted: Vec<_> = (0..50).map(|n| link.send(None, notify("bob", &n.to_string()))).collect();
    world.engine().drain();
    let refusal = link.call(notify("bob", "too late")).await.refused();
    assert_eq!((refusal.code, refusal.retry_after_ms.is_some()), (Code::Draining, true));
    let mut kept = 0;
    for corr in accepted {
        kept += usize::from(link.outcome(corr).await.is_ok());
    }
    assert_eq!(kept, 50, "what came in before is still answered");
    world.engine().stop().await;
    world.restart().await;
    assert_eq!(world.session(bob.home).await.pending, 50);
}
