//! What the benchmarks of a daemon share: how they are started, and how what they found is shown.

use std::{future::Future, path::PathBuf, time::Duration};

use anyhow::{Context, Result};

use crate::{
    daemon::{self, Build},
    figure::{self, Figure},
};

/// Options of a benchmark.
#[derive(clap::Args)]
pub struct Options {
    /// The daemon's binary
    #[arg(long)]
    daemon: PathBuf,
    /// A plugin that is dropped into the daemon's home; may be repeated
    #[arg(long = "plugin")]
    plugins: Vec<PathBuf>,
    /// Where homes are made; has to be on the disk that is to be measured
    #[arg(long)]
    dir: PathBuf,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Shorter runs and fewer of them: about a minute
    #[arg(long)]
    quick: bool,
    /// Only the groups whose name starts with this
    #[arg(long)]
    only: Option<String>,
}

/// What all groups of a run share.
pub struct Setting {
    /// What is started.
    pub build: Build,
    /// Whether to be quick about it.
    pub quick: bool,
}

/// Some figures that belong together.
pub type Group = fn(&Setting) -> Result<Vec<Figure>>;

impl Setting {
    /// Chooses by how much time there is.
    pub fn choose<T>(&self, quick: T, thorough: T) -> T {
        if self.quick { quick } else { thorough }
    }

    /// How long a load lasts.
    pub fn load_time(&self) -> Duration {
        Duration::from_secs(self.choose(1, 5))
    }
}

impl Options {
    /// Runs the groups and prints what they found.
    pub fn run(self, groups: &[(&str, Group)]) -> Result<()> {
        let build = Build { binary: self.daemon.clone(), plugins: self.plugins.clone(), folder: self.dir.clone() };
        let setting = Setting { build, quick: self.quick };
        eprintln!("limits: {}", daemon::raised().collect::<Vec<_>>().join(" "));
        let mut figures = Vec::new();
        for (name, group) in groups {
            if self.only.as_ref().is_none_or(|only| name.starts_with(only.as_str())) {
                figures.extend(group(&setting).with_context(|| format!("the benchmark `{name}` failed"))?);
            }
        }
        figure::print(&figures);
        if let Some(file) = &self.json {
            figure::write(&figures, file)?;
        }
        Ok(())
    }
}

/// Runs the load generator: one thread, so that it leaves as much of the machine as it can to what is measured.
pub fn generate<T>(load: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, load)
}
