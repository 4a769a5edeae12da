//! `hooks`: how long an agent waits for `tieline hook`, from its start to its end, with a daemon and without one.

mod waits;

use anyhow::Result;

use crate::setting::{Group, Options};

const GROUPS: [(&str, Group); 1] = [("waits", waits::run)];

/// Options of `hooks`. Its group: waits.
#[derive(clap::Args)]
pub struct Hooks {
    #[command(flatten)]
    options: Options,
}

impl Hooks {
    /// Runs the benchmarks and prints what they found.
    pub fn run(self) -> Result<()> {
        self.options.run(&GROUPS)
    }
}
