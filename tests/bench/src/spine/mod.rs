//! `spine`: the main path of a message, and what a daemon costs at rest.

mod ask;
mod broadcast;
mod echo;
mod links;
mod notify;
mod rest;

use anyhow::Result;

use crate::setting::{Group, Options};

const GROUPS: [(&str, Group); 5] = [
    ("rest", rest::run),
    ("ask", ask::run),
    ("broadcast", broadcast::run),
    ("notify", notify::run),
    ("links", links::run),
];

/// Options of `spine`. Its groups: rest, ask, broadcast, notify, links.
#[derive(clap::Args)]
pub struct Spine {
    #[command(flatten)]
    options: Options,
}

impl Spine {
    /// Runs the benchmarks and prints what they found.
    pub fn run(self) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        eprintln!("machine: {cores} cores, {} open files per process", links::most_files());
        self.options.run(&GROUPS)
    }
}
