//! SIGTERM: what was accepted is kept, what was refused is tried again, and the daemon ends in time and well.

use std::time::Duration;

use crate::{built, chance::Chance, daemon::Home, mesh::Mesh, node::Habits, traffic};

/// `server.drain_ms`, and a little for committing what waits and copying the log back.
const LIMIT: Duration = Duration::from_secs(5 + 3);
const ROUNDS: u64 = 6;

#[tokio::test]
async fn senders_that_try_again_by_key_lose_nothing() {
    let mut chance = Chance::from_env(15);
    let nodes = ["n1", "n2", "n3"].map(|title| (title, Habits::careful(32)));
    let mut mesh = Mesh::start(Home::new(&[]), built::daemon(), &nodes, &mut chance).await;
    for round in 0..ROUNDS {
        traffic::mixed(&mesh, &format!("round {round}"), 250, &mut chance);
        let enough = mesh.answered() + 100 + usize::try_from(chance.below(300)).expect("a small number");
        mesh.until("the traffic is in full swing", |mesh| mesh.answered() >= enough).await;
        let (status, took) = mesh.terminate().await;
        println!("round {round}: {status} after {took:?}, {} answered", mesh.answered());
        assert_eq!(status.code(), Some(0), "{}", mesh.home.log());
        assert!(took < LIMIT, "it took {took:?}");
        mesh.up(None).await.expect("a restart to which nothing happens");
    }
    mesh.settle().await;
    mesh.replay(1).await;
    mesh.assert_sound("after all drains").await;
    println!("{:?}", mesh.figures());
}
