//! Idle links: what each costs in memory.

use anyhow::Result;
use futures_util::{StreamExt, stream};
use rustix::process::{Resource, getrlimit};
use tokio::task::spawn_local;

use crate::setting::{Setting, generate};
use crate::{
    bare::echo::Server,
    daemon::Process,
    figure::{Aim, Figure},
    link::{self, Socket, Target},
    mesh::Mesh,
};

const LINKS: usize = 10_000;
/// Files that a process needs for other things.
const OTHER_FILES: usize = 200;
/// How many links are opened at once.
const AT_ONCE: usize = 32;
const READ_BUFFER: usize = 512;

/// Returns how many files this process, and so each of its children, may have open.
pub fn most_files() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// Measures links that write for a session each, and bare ones.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let links = setting.choose(2_000, LINKS).min(most_files().saturating_sub(OTHER_FILES));
    eprintln!("link_memory with {links} links …");
    let mesh = Mesh::new(&setting.build)?;
    let before = mesh.daemon.process().rss()?;
    let sessions = generate(mesh.sessions("main", links))?;
    let per_session = (mesh.daemon.process().rss()? - before) / links as f64;
    // Another process, so that links cannot live in what opening the sessions has left behind.
    let mesh = mesh.restart()?;
    let target = Target { buffer: READ_BUFFER, ..mesh.target.clone() };
    let per_link = generate(grow(mesh.daemon.process(), links, async |n: usize| {
        link::attach(&target, Some(&sessions[n]), "writer").await
    }))?;
    mesh.daemon.stop()?;
    let server = Server::start()?;
    let target = Target { buffer: READ_BUFFER, ..server.target.clone() };
    let bare = generate(grow(server.process(), links, async |_: usize| link::connect(&target).await))?;
    let figure = Figure::new("link_memory", per_link / 1024.0, "KiB").ceiling(bare / 1024.0);
    Ok(vec![
        figure.aim("value", Aim::AtMost(18.0)),
        Figure::new("link_count", links as f64, "links"),
        Figure::new("session_memory", per_session / 1024.0, "KiB"),
    ])
}

/// Opens links one after the other and keeps them; returns by how many bytes the process grew for each.
async fn grow(process: Process, links: usize, open: impl AsyncFn(usize) -> Result<Socket>) -> Result<f64> {
    // The first ones bring along what all share.
    let warm_up = links / 50;
    let mut kept = Vec::new();
    let mut before = 0.0;
    for range in [0..warm_up, warm_up..links] {
        before = process.rss()?;
        let open = &open;
        let mut opened = stream::iter(range).map(async |n| open(n).await).buffer_unordered(AT_ONCE);
        while let Some(socket) = opened.next().await {
            let mut socket = socket?;
            // Reads on, so that pings are answered.
            kept.push(spawn_local(async move { while let Some(Ok(_)) = socket.next().await {} }));
        }
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let grown = process.rss()? - before;
    anyhow::ensure!(kept.iter().all(|link| !link.is_finished()), "some links were closed");
    Ok(grown / (links - warm_up) as f64)
}
