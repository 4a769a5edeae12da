//! How many events are appended to timelines in a second, durably.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::wire::Wire;
use crate::{
    figure::{Aim, Figure},
    mesh::Mesh,
    setting::{Setting, generate},
};

/// Activities in one command: what a runtime tells of a turn, or an import reads at a time.
pub const BATCH: usize = 50;
const WINDOW: u64 = 16;
const SESSIONS: usize = 8;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    eprintln!("append …");
    let mesh = Mesh::new(&setting.build)?;
    let (count, took) = generate(append(&mesh, setting.load_time()))?;
    let per_second = count as f64 / took.as_secs_f64();
    mesh.daemon.stop()?;
    Ok(vec![Figure::new("append", per_second, "event/s").aim("value", Aim::AtLeast(30_000.0))])
}

async fn append(mesh: &Mesh, time: Duration) -> Result<(usize, Duration)> {
    let sessions = mesh.sessions("bench", SESSIONS).await?;
    let mut wire = Wire::open(&mesh.target).await?;
    let mut batches = sessions.iter().cycle().zip(0..).map(|(session, number)| batch(session, number));
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < time {
        while wire.under_way() < WINDOW {
            let Some(next) = batches.next() else { break };
            wire.send(&next).await?;
        }
        wire.answer().await?;
        count += BATCH;
    }
    while wire.under_way() > 0 {
        wire.answer().await?;
        count += BATCH;
    }
    Ok((count, begun.elapsed()))
}

/// A command that records sentences of about 150 bytes.
pub fn batch(session: &str, number: usize) -> String {
    let said = |n: usize| {
        let place = number * BATCH + n;
        let text = format!(
            "step {place}: read src/part_{}.rs, changed the function that counts {} of them, ran the tests; {} passed and \
             the one about word{} is left",
            place % 97,
            place % 1013,
            place % 311,
            place % 50_021
        );
        json!({"what": {"said": {"role": "assistant", "text": text}}})
    };
    let activities: Vec<_> = (0..BATCH).map(said).collect();
    json!({"record": {"session": session, "activities": activities}}).to_string()
}
