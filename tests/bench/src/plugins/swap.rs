//! How long a transport is away while another version takes its place.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tieline_host::{Isolation, State};

use super::{
    answers::Answers,
    place::{Guest, Place, STOCK},
};
use crate::{
    figure::{Aim, Figure},
    latency::Latencies,
};

/// Replaces a stock plugin by one with other content, again and again.
pub fn run(plugin: &Path, dir: &Path, swaps: u32) -> Result<Figure> {
    eprintln!("plugin_swap_gap …");
    let guest = Guest { file: plugin, name: STOCK, isolation: Isolation::InProcess };
    let place = Place::new(&[guest], dir, Arc::new(Answers::default()))?;
    let bytes = fs::read(plugin)?;
    let mut gaps = Latencies::default();
    for n in 1..=swaps {
        // The loader does not look behind the last section; the hash does.
        let version = [bytes.as_slice(), &n.to_le_bytes()].concat();
        let fresh = place.file.with_extension("new");
        fs::write(&fresh, version)?;
        fs::rename(&fresh, &place.file)?;
        let status = place.wait(STOCK, |status| status.reloads >= n && status.state == State::Running)?;
        gaps.add(Duration::from_micros(status.swap_gap_us.context("a swap without a gap")?));
    }
    let [p50, p99] = gaps.percentiles([50.0, 99.0]);
    Ok(Figure::new("plugin_swap_gap", p99, "ms").latency(p50, p99).aim("value", Aim::AtMost(250.0)))
}
