//! A start, and a daemon that has nothing to do.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use crate::setting::{Setting, generate};
use crate::{
    daemon::Process,
    figure::{Aim, Figure},
    latency::Latencies,
    link,
    mesh::Mesh,
};

const SESSIONS: usize = 100;
const MESSAGES: usize = 2_000;

/// Measures starts over an existing database, then a rest.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    eprintln!("cold_start …");
    let mesh = Mesh::new(&setting.build)?;
    generate(fill(&mesh))?;
    mesh.daemon.stop()?;
    let mut starts = Latencies::default();
    for _ in 0..20 {
        let begun = Instant::now();
        let mut daemon = mesh.home.spawn()?;
        daemon.wait_healthy()?;
        starts.add(begun.elapsed());
        daemon.stop()?;
    }
    let [p50, p99] = starts.percentiles([50.0, 99.0]);

    eprintln!("idle …");
    let daemon = mesh.home.start()?;
    thread::sleep(Duration::from_secs(3));
    let time = Duration::from_secs(setting.choose(5, 10));
    let busy = rest(daemon.process(), time)?;
    let rss = daemon.process().rss()?;
    daemon.stop()?;
    Ok(vec![
        Figure::new("cold_start", p50, "ms").latency(p50, p99).aim("value", Aim::AtMost(20.0)),
        Figure::new("idle_rss", rss / (1 << 20) as f64, "MiB").aim("value", Aim::AtMost(15.0)),
        Figure::new("idle_cpu", busy * 100.0, "%").aim("value", Aim::AtMost(0.05)),
    ])
}

/// Returns the share of a processor that is used while nothing is asked for. What a thread has used is not known any more
/// once it has ended, as those do that the start has left over: then it is measured again.
fn rest(process: Process, time: Duration) -> Result<f64> {
    loop {
        let (before, begun) = (process.cpu()?, Instant::now());
        thread::sleep(time);
        let (after, took) = (process.cpu()?, begun.elapsed());
        if before.keys().all(|thread| after.contains_key(thread)) {
            let grown: u64 = after.iter().map(|(thread, ran)| ran - before.get(thread).unwrap_or(&0)).sum();
            return Ok(grown as f64 / took.as_nanos() as f64);
        }
        eprintln!("  a thread has ended meanwhile: once more");
    }
}

/// Puts something into the database.
async fn fill(mesh: &Mesh) -> Result<()> {
    let sessions = mesh.sessions("main", SESSIONS).await?;
    let mut socket = link::attach(&mesh.target, None, "observer").await?;
    for n in 0..MESSAGES {
        let (corr, to) = (n + 1, &sessions[n % SESSIONS]);
        let notify = format!(r#"{{"notify":{{"to":"{to}","text":"{}"}}}}"#, "x".repeat(200));
        socket.feed(Message::text(format!(r#"{{"command":{{"corr":{corr},"command":{notify}}}}}"#))).await?;
        if corr % 100 == 0 {
            socket.flush().await?;
            for _ in 0..100 {
                link::next_text(&mut socket).await?;
            }
        }
    }
    Ok(())
}
