//! Ten thousand messages, a daemon that is killed at random, receivers and senders too.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{built, chance::Chance, daemon::Home, mesh::Mesh, node::Habits, traffic};

const MESSAGES: u64 = 10_000;
const SENDERS: [&str; 4] = ["s1", "s2", "s3", "s4"];
const RECEIVERS: [&str; 4] = ["r1", "r2", "r3", "r4"];

#[tokio::test]
async fn ten_thousand_messages_survive_random_kills() {
    let mut chance = Chance::from_env(8_435);
    let sender = Habits { dies_with_answer: 400, ..Habits::careful(64) };
    let receiver =
        Habits { dies_before_commit: 250, dies_after_commit: 250, forgets: 50, hides_cursors: 2, ..Habits::careful(1) };
    let nodes: Vec<_> =
        SENDERS.map(|title| (title, sender)).into_iter().chain(RECEIVERS.map(|title| (title, receiver))).collect();
    let mut mesh = Mesh::start(Home::new(&[]), built::daemon(), &nodes, &mut chance).await;
    let started = Instant::now();
    send_everything(&mesh, &mut chance);

    let mut kills_while_starting = 0;
    loop {
        let next = progress(&mesh) + 200 + chance.below(600);
        mesh.until("more was answered and seen", |mesh| progress(mesh) >= next.min(2 * MESSAGES)).await;
        if progress(&mesh) >= 2 * MESSAGES {
            break;
        }
        // Not to wait for anything: so that it hits any moment, not always the one after an answer.
        sleep(Duration::from_micros(chance.below(20_000))).await;
        mesh.kill().await;
        // Not three in a row, or the daemon would take it that its transport is to blame.
        for _ in 0..chance.below(6).saturating_sub(3) {
            mesh.up_and_kill(Duration::from_millis(chance.below(200))).await;
            kills_while_starting += 1;
        }
        mesh.up(None).await.expect("a restart to which nothing happens");
    }
    mesh.settle().await;
    let seconds = started.elapsed().as_secs_f64();
    mesh.replay(10).await;
    mesh.assert_sound("after all kills").await;

    let figures = mesh.figures();
    println!(
        "{MESSAGES} messages in {seconds:.1} s: 0 lost, 0 visible twice, order kept; {} kills of the daemon \
         ({kills_while_starting} while it started), {figures:?}",
        mesh.deaths
    );
    assert!(mesh.deaths >= 20, "only {} kills", mesh.deaths);
    let hits = BTreeMap::from([
        ("killed before the commit", figures.killed_before_commit),
        ("killed after the commit", figures.killed_after_commit),
        ("killed with an answer", figures.killed_with_answer),
        ("sent again", figures.sent_again),
        ("dropped by the ledger", figures.dropped),
    ]);
    assert!(hits.values().all(|count| *count > 0), "not everything was tried: {hits:?}");
}

fn send_everything(mesh: &Mesh, chance: &mut Chance) {
    let to: Vec<_> = mesh.nodes.iter().skip(SENDERS.len()).map(|node| node.session).collect();
    for (at, title) in SENDERS.iter().enumerate() {
        let commands = (0..MESSAGES / SENDERS.len() as u64).map(|number| {
            let receiver = to[usize::try_from(chance.below(to.len() as u64)).expect("a small number")];
            traffic::notify(receiver, format!("{number} of {title}"))
        });
        mesh.issue(at, commands.collect::<Vec<_>>());
    }
}

/// Every message counts twice: when it is answered and when it is seen.
fn progress(mesh: &Mesh) -> u64 {
    let seen: usize = mesh.nodes.iter().map(|node| node.disk().visible.len()).sum();
    (mesh.answered() + seen) as u64
}
