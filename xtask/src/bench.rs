//! `cargo xtask bench`: hands over to the benchmarks' own program.

use crate::{
    build::{Built, Profile, build},
    workspace::Workspace,
};
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
    /// Builds the daemon and the plugins as they are released, and the benchmarks alike, and runs one.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        workspace.package(PACKAGE).context("there are no benchmarks to run")?;
        let Built { binary, plugins } = build(&workspace, Profile::Release)?;
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--profile", Profile::Release.name(), "--package", PACKAGE, "--", &self.name]);
        // Not the system's directory for temporary files: that one may be in memory, where nothing is durable.
        cargo.arg("--dir").arg(workspace.target_dir().join("bench")).arg("--daemon").arg(binary);
        cargo.args(plugins.iter().flat_map(|plugin| ["--plugin".as_ref(), plugin.as_os_str()])).args(&self.args);
        let status = cargo.status().context("failed to start cargo")?;
        if !status.success() {
            bail!("the benchmark `{}` failed: {status}", self.name);
        }
        Ok(())
    }
}
