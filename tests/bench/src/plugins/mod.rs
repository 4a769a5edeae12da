//! `plugins`: what the way through a plugin costs, inside the daemon and in a process of its own, what other routes notice of
//! a plugin that does wrong, and how long a transport is away while it is replaced.

mod answers;
mod direct;
mod message;
mod neighbour;
mod place;
mod swap;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use crate::figure::{self, Figure};

/// Options of `plugins`.
#[derive(clap::Args)]
pub struct Plugins {
    /// A plugin that answers each delivery at once
    #[arg(long)]
    echo: PathBuf,
    /// The daemon's binary; taken and not used, as the benchmark is its own host
    #[arg(long)]
    daemon: Option<PathBuf>,
    /// A stock plugin; the first one is replaced again and again
    #[arg(long = "plugin", required = true)]
    plugins: Vec<PathBuf>,
    /// Where folders are made; has to be on the disk that is to be measured
    #[arg(long)]
    dir: PathBuf,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Shorter runs
    #[arg(long)]
    quick: bool,
}

impl Plugins {
    /// Runs the benchmarks and prints what they found.
    pub fn run(self) -> Result<()> {
        let (messages, window_s, swaps) = if self.quick { (20_000, 1, 20) } else { (200_000, 3, 100) };
        let window = Duration::from_secs(window_s);
        let mut figures: Vec<Figure> = message::run(&self.echo, &self.dir, messages)?;
        if let Some(stock) = self.plugins.first() {
            figures.extend(neighbour::run(stock, &self.echo, &self.dir, window)?);
            figures.push(swap::run(stock, &self.dir, swaps)?);
        }
        figure::print(&figures);
        if let Some(file) = &self.json {
            figure::write(&figures, file)?;
        }
        Ok(())
    }
}
