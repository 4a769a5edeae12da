//! Who judges the judge: a daemon that answers before it commits, and dies in between, must be found out.

use crate::{
    built,
    chance::Chance,
    checker::{self, Kind, Violation},
    daemon::Home,
    mesh::Mesh,
    node::Habits,
    traffic,
};

/// Answers are given before the commit.
pub const BUG: &str = "planted.answer_before_commit";
/// Every commit takes so long that an answer which came before it can be seen.
const SLOW_COMMITS: &str = "store.before_commit=sleep(300)";
const MESSAGES: u64 = 20;

#[tokio::test]
async fn a_daemon_that_answers_before_it_commits_is_found_out() {
    let found = killed_at_an_answer(&format!("{BUG}=return;{SLOW_COMMITS}")).await;
    let counts = checker::counts(&found);
    println!("found: {counts:?}, as in: {}", found.first().map(ToString::to_string).unwrap_or_default());
    assert!(counts.contains_key(&Kind::Lost), "nothing lost was found, but {counts:?}");
}

#[tokio::test]
async fn a_daemon_that_only_commits_slowly_is_sound() {
    assert_eq!(killed_at_an_answer(SLOW_COMMITS).await, []);
}

/// Kills the daemon as soon as a sender has an answer, and tells what is wrong after it came back.
async fn killed_at_an_answer(fail_points: &str) -> Vec<Violation> {
    let mut chance = Chance::from_env(1);
    let nodes = ["s1", "r1"].map(|title| (title, Habits::careful(4)));
    let mut mesh = Mesh::start(Home::new(&[]), built::daemon_with_fail_points(), &nodes, &mut chance).await;
    mesh.up_after_kill(Some(fail_points)).await.expect("a slow daemon listens all the same");
    let to = mesh.nodes[1].session;
    mesh.issue(0, (0..MESSAGES).map(|number| traffic::notify(to, format!("{number}"))).collect::<Vec<_>>());
    mesh.until("a first answer came", |mesh| mesh.answered() > 0).await;
    mesh.up_after_kill(None).await.expect("a restart to which nothing happens");
    mesh.settle().await;
    checker::check(&mesh.history().await)
}
