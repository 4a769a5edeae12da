//! `cargo xtask install`: a release build, in place.

use crate::{
    build::{Built, Profile, build},
    first_party,
    plugins::{place, place_all},
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tieline_config::{Home, environment};

/// Options of `install`.
#[derive(clap::Args)]
pub struct Install {
    /// Where `bin/` and `lib/` are [default: ~/.local]
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Copy the plugins into the config directory too, where the daemon loads them from.
    #[arg(long)]
    plugins_into_config: bool,
}

impl Install {
    /// Builds, copies, and says where everything is.
    pub fn run(self) -> Result<()> {
        let prefix = self.prefix()?;
        let home = Home::find(&environment())?;
        let Built { binary, plugins } = build(&Workspace::load()?, Profile::Release)?;
        let bin = prefix.join("bin");
        println!("binary   {}", place(&binary, &bin)?.display());
        let folder = prefix.join("lib/tieline/plugins");
        let installed = place_all(&plugins, &folder)?;
        first_party::record(&folder, &installed)?;
        for plugin in installed {
            println!("plugin   {}", plugin.display());
        }
        if self.plugins_into_config {
            home.create().context("failed to make the mesh's directories")?;
            for plugin in place_all(&plugins, &home.plugins_dir())? {
                println!("loaded   {}", plugin.display());
            }
        } else {
            println!("\nThe daemon loads plugins from {}.", home.plugins_dir().display());
            println!("Copy them there, or install with --plugins-into-config.");
        }
        if !is_on_path(&bin) {
            println!("\n{} is not on your PATH.", bin.display());
        }
        Ok(())
    }

    fn prefix(&self) -> Result<PathBuf> {
        let local = || std::env::home_dir().map(|home| home.join(".local"));
        let prefix = self.prefix.clone().or_else(local);
        let prefix = prefix.context("this user has no home directory: name a place with --prefix")?;
        std::path::absolute(&prefix).with_context(|| format!("failed to find `{}`", prefix.display()))
    }
}

fn is_on_path(folder: &Path) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|entry| entry == folder))
}
