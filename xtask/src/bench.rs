//! `cargo xtask bench`: hands over to the benchmarks' own program.

use crate::{
    build::{Built, Profile, build},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::PathBuf,
};

const PACKAGE: &str = "tieline-bench";
/// The benchmark that also measures an engine that nothing else is built with.
const SEARCHING: &str = "sessions";
/// Without a configuration it answers whatever it is given.
const ECHO_PACKAGE: &str = "tieline-fault-plugin";

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
        cargo.args(["run", "--profile", Profile::Release.name(), "--package", PACKAGE]);
        if self.name == SEARCHING {
            cargo.args(["--features", "tantivy"]);
        }
        cargo.args(["--", &self.name]);
        // Not the system's directory for temporary files: that one may be in memory, where nothing is durable.
        cargo.arg("--dir").arg(workspace.target_dir().join("bench")).arg("--daemon").arg(binary);
        cargo.args(plugins.iter().flat_map(|plugin| ["--plugin".as_ref(), plugin.as_os_str()]));
        if self.name == "plugins" {
            cargo.arg("--echo").arg(echo(&workspace)?);
        }
        cargo.args(&self.args);
        let status = cargo.status().context("failed to start cargo")?;
        if !status.success() {
            bail!("the benchmark `{}` failed: {status}", self.name);
        }
        Ok(())
    }
}

/// Builds the plugin that answers each delivery at once.
fn echo(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", Profile::Release.name(), "--package", ECHO_PACKAGE]);
    let status = cargo.status().context("failed to start cargo")?;
    if !status.success() {
        bail!("the plugin that the benchmark needs was not built: {status}");
    }
    let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", ECHO_PACKAGE.replace('-', "_"));
    Ok(workspace.target_dir().join(Profile::Release.name()).join(file))
}
