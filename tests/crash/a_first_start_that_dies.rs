//! The first start makes the database and the first tokens. Whenever it dies, the next start makes up for it.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::{
    built,
    chance::Chance,
    daemon::{Home, was_killed},
    wire::Wire,
};

/// The points that only a first start passes.
pub const FIRST_START: [&str; 2] = ["first_start.written", "first_start.issued"];
/// Those that every start passes, and that find an empty home or half of one here.
const EVERY_START: [&str; 6] = [
    "store.before_identity",
    "store.before_migrations",
    "store.opened",
    "store.before_commit",
    "store.after_commit",
    "serve.before_listening",
];
const ROUNDS: u64 = 25;

#[tokio::test]
async fn at_every_point_of_it() {
    for name in FIRST_START.into_iter().chain(EVERY_START) {
        let home = Home::new(&[]);
        let end = home.spawn(&built::daemon_with_fail_points(), Some(&format!("{name}=1"))).listening().await;
        assert!(matches!(end, Err(status) if was_killed(status)), "{name} was not reached");
        assert_usable(&home, name).await;
    }
}

#[tokio::test]
async fn at_any_moment() {
    let mut chance = Chance::from_env(25);
    for round in 0..ROUNDS {
        let home = Home::new(&[]);
        let starting = home.spawn(&built::daemon(), None);
        sleep(Duration::from_micros(chance.below(120_000))).await;
        starting.kill().await;
        assert_usable(&home, &format!("round {round}")).await;
    }
}

/// The next start listens, and both first tokens are good.
async fn assert_usable(home: &Home, when: &str) {
    let up = home.spawn(&built::daemon(), None).listening().await;
    let daemon = up.unwrap_or_else(|status| panic!("{when}: the next start ended with {status}\n{}", home.log()));
    for name in ["human", "agent"] {
        let opened = Wire::open(daemon.address, &home.token(name), json!({ "protocol": 1 })).await;
        assert!(opened.is_ok(), "{when}: the token of `{name}` is no good: {:?}", opened.err());
    }
    daemon.kill().await;
}
