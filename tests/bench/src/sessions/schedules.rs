//! What a hundred thousand schedules cost, and how late a thousand in the same second are.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::wire::Wire;
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    mesh::Mesh,
    setting::{Setting, generate},
};

const WINDOW: u64 = 64;
/// Schedules of one session.
const EACH: usize = 5_000;
/// Those that fire in the same second.
const TOGETHER: usize = 1_000;
/// From making the first of them to the second in which they fire.
const AHEAD: Duration = Duration::from_secs(5);

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let count: usize = setting.choose(10_000, 100_000);
    eprintln!("schedules: {count} in the store …");
    let mesh = Mesh::new(&setting.build)?;
    let before = mesh.daemon.process().rss()?;
    let sessions = count / EACH + 1;
    let ids = generate(async {
        let ids = mesh.sessions("bench", sessions).await?;
        fill(&mesh, &ids, count).await?;
        Ok(ids)
    })?;
    // What was needed to make them is not what they cost.
    let mesh = mesh.restart()?;
    let after = mesh.daemon.process().rss()?;
    eprintln!("schedules: {TOGETHER} in the same second …");
    let mut lateness = generate(together(&mesh, ids.last().context("no session")?))?;
    mesh.daemon.stop()?;
    let [p50, p99, worst] = lateness.percentiles([50.0, 99.0, 100.0]);
    let kilo = count / 1000;
    Ok(vec![
        Figure::new(format!("schedules_{kilo}k_rss"), (after - before) / f64::from(1 << 20), "MiB"),
        Figure::new("schedules_late", worst, "ms").latency(p50, p99).aim("value", Aim::AtMost(100.0)),
    ])
}

fn create(session: &str, when: &str, title: &str) -> String {
    json!({"schedule_create": {
        "session": session, "when": when, "title": title,
        "command": {"notify": {"to": "self", "text": "the time has come"}},
    }})
    .to_string()
}

/// Schedules that are far away, each a day of its own.
async fn fill(mesh: &Mesh, sessions: &[String], count: usize) -> Result<()> {
    let mut wire = Wire::open(&mesh.target).await?;
    for number in 0..count {
        if wire.under_way() == WINDOW {
            wire.answer().await?;
        }
        let when = format!("{} {} {} * * UTC", number % 60, number % 24, 1 + number % 28);
        wire.send(&create(&sessions[number / EACH], &when, &format!("schedule {number}"))).await?;
    }
    while wire.under_way() > 0 {
        wire.answer().await?;
    }
    Ok(())
}

/// Schedules at one instant; returns how late each of them was.
async fn together(mesh: &Mesh, session: &str) -> Result<Latencies> {
    let mut wire = Wire::open(&mesh.target).await?;
    let at = Timestamp::now().as_second() + i64::try_from(AHEAD.as_secs())?;
    let when = Timestamp::from_second(at)?.to_string();
    let mut ids = Vec::new();
    for number in 0..TOGETHER {
        let reply = wire.call(&create(session, &when, &format!("together {number}"))).await?;
        let id = reply.pointer("/schedule/schedule").and_then(Value::as_str).context("no schedule")?;
        ids.push(id.to_owned());
    }
    ensure!(Timestamp::now().as_second() < at, "making them took too long");
    tokio::time::sleep(AHEAD + Duration::from_secs(1)).await;
    let mut lateness = Latencies::default();
    for id in ids {
        let history = wire.call(&json!({"schedule_history": {"schedule": id}}).to_string()).await?;
        let late = history.pointer("/schedule_runs/runs/0/late_ms").and_then(Value::as_u64).context("no run")?;
        lateness.add(Duration::from_millis(late));
    }
    Ok(lateness)
}
