//! `cargo xtask bench`: hands over to the benchmarks' own program.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

const PACKAGE: &str = "tieline-bench";

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Bench {
    /// Which benchmark
    name: String,
    /// What the benchmark itself takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Bench {
    /// Builds the benchmarks for release and runs one.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        workspace.package(PACKAGE).context("there are no benchmarks to run")?;
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--release", "--package", PACKAGE, "--", &self.name]).args(&self.args);
        let status = cargo.status().context("failed to start cargo")?;
        if !status.success() {
            bail!("the benchmark `{}` failed: {status}", self.name);
        }
        Ok(())
    }
}
