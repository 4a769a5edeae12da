//! How long a page of a long timeline takes, wherever it is.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    append::{BATCH, batch},
    wire::Wire,
};
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
    mesh::Mesh,
    setting::{Setting, generate},
};

const WINDOW: u64 = 32;
const PAGE: usize = 100;
const PAGES: u64 = 500;

/// Measures it.
pub fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let depth: usize = setting.choose(100_000, 1_000_000);
    eprintln!("page: a timeline of {depth} events …");
    let mesh = Mesh::new(&setting.build)?;
    let mut latencies = generate(async {
        let session = mesh.sessions("bench", 1).await?.remove(0);
        fill(&mesh, &session, depth).await?;
        pages(&mesh, &session).await
    })?;
    mesh.daemon.stop()?;
    let [p50, p99] = latencies.percentiles([50.0, 99.0]);
    let name = format!("page_at_{}k", depth / 1000);
    let at_most = Aim::AtMost(5.0);
    Ok(vec![Figure::new(name, PAGE as f64, "event").latency(p50, p99).aim("p99", at_most)])
}

async fn fill(mesh: &Mesh, session: &str, depth: usize) -> Result<()> {
    let mut wire = Wire::open(&mesh.target).await?;
    for number in 0..depth / BATCH {
        if wire.under_way() == WINDOW {
            wire.answer().await?;
        }
        wire.send(&batch(session, number)).await?;
    }
    while wire.under_way() > 0 {
        wire.answer().await?;
    }
    Ok(())
}

/// Reads pages all over the timeline, in both directions.
async fn pages(mesh: &Mesh, session: &str) -> Result<Latencies> {
    let mut wire = Wire::open(&mesh.target).await?;
    let newest = wire.call(&json!({"timeline": {"sessions": [session], "limit": 1}}).to_string()).await?;
    let cursor = newest.pointer("/timeline/events/0/cursor").and_then(Value::as_u64).context("no newest event")?;
    let mut latencies = Latencies::default();
    for n in 0..PAGES {
        // Large steps of a prime walk through all depths, the ends included.
        let at = n * 7919 * (cursor / PAGES).max(1) % cursor;
        let side = if n % 2 == 0 { "before" } else { "after" };
        let command = json!({"timeline": {"sessions": [session], side: at.max(2), "limit": PAGE}}).to_string();
        let begun = Instant::now();
        wire.call(&command).await?;
        latencies.add(begun.elapsed());
    }
    Ok(latencies)
}
