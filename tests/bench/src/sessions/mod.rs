//! `sessions`: timelines that grow, and how fast they are read.

mod append;
mod ingest;
mod page;
mod schedules;
mod search;
mod wire;

use anyhow::Result;

use crate::setting::{Group, Options};

const GROUPS: [(&str, Group); 5] = [
    ("append", append::run),
    ("ingest", ingest::run),
    ("page", page::run),
    ("schedules", schedules::run),
    ("search", search::run),
];

/// Options of `sessions`. Its groups: append, ingest, page, schedules, search.
#[derive(clap::Args)]
pub struct Sessions {
    #[command(flatten)]
    options: Options,
}

impl Sessions {
    /// Runs the benchmarks and prints what they found.
    pub fn run(self) -> Result<()> {
        self.options.run(&GROUPS)
    }
}
