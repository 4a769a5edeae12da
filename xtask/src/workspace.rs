//! What this workspace is made of, as cargo sees it.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::PathBuf,
    process::Command,
};

/// The package of the one binary, and the binary's name.
pub const CLI_PACKAGE: &str = "tieline-cli";
/// The one binary.
pub const BINARY: &str = "tieline";

/// The workspace.
pub struct Workspace(Metadata);

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Result<Self> {
        let metadata =
            MetadataCommand::new().no_deps().exec().context("failed to read the workspace with cargo metadata")?;
        Ok(Self(metadata))
    }

    /// Returns the folder of the root `Cargo.toml`.
    pub fn root(&self) -> PathBuf {
        self.0.workspace_root.clone().into()
    }

    /// Returns the folder of all build results.
    pub fn target_dir(&self) -> PathBuf {
        self.0.target_directory.clone().into()
    }

    /// Returns the package of that name.
    pub fn package(&self, name: &str) -> Result<&Package> {
        let found = self.0.packages.iter().find(|package| *package.name == name);
        found.with_context(|| format!("this workspace has no package `{name}`"))
    }

    /// Returns the packages under `transports/` that are plugins.
    pub fn stock_plugins(&self) -> Vec<&Package> {
        let transports = self.0.workspace_root.join("transports");
        let is_plugin = |package: &&Package| {
            package.manifest_path.starts_with(&transports)
                && package.targets.iter().any(|target| target.kind.contains(&TargetKind::CDyLib))
        };
        self.0.packages.iter().filter(is_plugin).collect()
    }

    /// Returns where the libraries of the stock plugins are after a build of the whole workspace with this profile.
    pub fn stock_libraries(&self, profile: &str) -> Vec<PathBuf> {
        let folder = self.target_dir().join(profile);
        let of_plugin = |package: &&Package| {
            let library = package.targets.iter().find(|target| target.kind.contains(&TargetKind::CDyLib));
            library.map(|target| folder.join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", target.name.replace('-', "_"))))
        };
        self.stock_plugins().iter().filter_map(of_plugin).collect()
    }

    /// Returns a call of the cargo that started this program, in the root folder.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(self.root());
        cargo
    }
}
