//! The WebSocket transport is replaced again and again while everybody sends and receives over it.

use std::cell::RefCell;

use crate::{built, chance::Chance, daemon::Home, mesh::Mesh, node::Habits, traffic};

/// So many commands wait for their answer at every moment.
const LOAD: usize = 120;
/// Replacements are told at this level.
const LOG: (&str, &str) = ("TIELINE_LOG", "warn,tieline_host=info");
const APART: (&str, &str) = ("TIELINE_PLUGINS__WEBSOCKET__ISOLATION", "process");
const LONGEST_MEDIAN_GAP_MS: f64 = 250.0;

#[tokio::test]
async fn fifty_replacements_under_load_lose_nothing_double_nothing_and_keep_the_order() {
    replace(50, &[LOG]).await;
}

#[tokio::test]
async fn a_transport_in_a_process_of_its_own_is_replaced_as_well() {
    replace(10, &[LOG, APART]).await;
}

async fn replace(replacements: usize, settings: &[(&'static str, &'static str)]) {
    let mut chance = Chance::from_env(50);
    let nodes = ["n1", "n2", "n3"].map(|title| (title, Habits { forgets: 100, ..Habits::careful(32) }));
    let mut mesh = Mesh::start(Home::new(settings), built::daemon(), &nodes, &mut chance).await;
    let chance = RefCell::new(chance);
    let file = tieline_tests::daemon::library("tieline_transport_websocket");
    let name = file.file_name().expect("a library has a name").to_string_lossy().into_owned();
    let mut library = std::fs::read(&file).expect("the transport was built");
    for replacement in 1..=replacements {
        // What stands behind the end of a library makes it another file, and not another program.
        library.push(b'\n');
        mesh.home.put_plugin(&name, &library);
        let rounds = RefCell::new(0);
        let keep_busy = |mesh: &Mesh| {
            let waiting: usize = mesh.nodes.iter().map(|node| node.disk().outbox.len()).sum();
            if waiting < LOAD {
                *rounds.borrow_mut() += 1;
                let words = format!("replacement {replacement}, round {}", rounds.borrow());
                traffic::mixed(mesh, &words, LOAD as u64 / 3, &mut chance.borrow_mut());
            }
        };
        mesh.until("the transport was replaced", |mesh| {
            keep_busy(mesh);
            gaps_ms(&mesh.home.log()).len() >= replacement
        })
        .await;
        // Everybody is back, and at it.
        let enough = mesh.answered() + LOAD / 2;
        mesh.until("the traffic goes on", |mesh| {
            keep_busy(mesh);
            mesh.answered() >= enough
        })
        .await;
    }
    mesh.settle().await;
    mesh.replay(10).await;
    mesh.assert_sound("after all replacements").await;

    let mut gaps = gaps_ms(&mesh.home.log());
    assert_eq!(gaps.len(), replacements, "each file was taken once");
    gaps.sort_by(f64::total_cmp);
    let (median, longest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    let figures = mesh.figures();
    println!(
        "{} messages over {replacements} replacements: 0 lost, 0 visible twice, order kept; nothing ran for {median:.1} ms \
         in the median and {longest:.1} ms at most; {figures:?}",
        mesh.answered()
    );
    assert!(median < LONGEST_MEDIAN_GAP_MS, "{gaps:?}");
    assert!(figures.connections as usize > replacements, "the connections were never closed: {figures:?}");
    let (status, _) = mesh.terminate().await;
    assert!(status.success(), "{status}");
}

/// Finds how long each replacement took.
fn gaps_ms(log: &str) -> Vec<f64> {
    let lines = log.lines().filter(|line| line.contains("plugin `websocket` was replaced"));
    lines.filter_map(|line| line.split("swap_gap_ms=").nth(1)?.split(' ').next()?.parse().ok()).collect()
}
