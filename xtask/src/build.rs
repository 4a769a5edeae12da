//! Builds the binary and the stock plugins, finds the files that came out, and writes down which are the daemon's own.

use crate::{
    first_party,
    workspace::{BINARY, CLI_PACKAGE, Workspace},
};
use anyhow::{Context, Result, bail};
use cargo_metadata::{Artifact, Message, Package};
use std::{env::consts::DLL_EXTENSION, io::BufReader, path::PathBuf, process::Stdio};

/// What a build put on disk.
pub struct Built {
    /// `tieline`.
    pub binary: PathBuf,
    /// The libraries of the stock plugins.
    pub plugins: Vec<PathBuf>,
}

/// With which profile of the root `Cargo.toml`.
#[derive(Clone, Copy)]
pub enum Profile {
    /// Fast to build.
    Dev,
    /// Fast to run.
    Release,
}

impl Profile {
    /// Returns its name, as cargo's `--profile` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Dev => "dev",
            Profile::Release => "release",
        }
    }

    /// Chooses between the two that a person asks for.
    pub fn release_or_dev(is_release: bool) -> Self {
        if is_release { Profile::Release } else { Profile::Dev }
    }
}

/// Builds the binary and every stock plugin in one go.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<Built> {
    let (cli, stock) = (workspace.package(CLI_PACKAGE)?, workspace.stock_plugins());
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--message-format=json-render-diagnostics", "--profile", profile.name()]);
    cargo.args(["--package", &cli.name]);
    cargo.args(stock.iter().flat_map(|plugin| ["--package", &plugin.name]));
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("failed to start cargo")?;
    let output = child.stdout.take().context("cargo gave no output to read")?;
    let mut artifacts = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.context("failed to read what cargo says")? {
            artifacts.push(artifact);
        }
    }
    if !child.wait().context("failed to wait for cargo")?.success() {
        bail!("the build failed; its messages are above");
    }
    let built = pick(&artifacts, cli, &stock)?;
    first_party::record(built.binary.parent().context("the binary lies in no folder")?, &built.plugins)?;
    Ok(built)
}

fn pick(artifacts: &[Artifact], cli: &Package, stock: &[&Package]) -> Result<Built> {
    let mut of_cli =
        artifacts.iter().filter(|artifact| artifact.package_id == cli.id && artifact.target.name == BINARY);
    let binary = of_cli.find_map(|artifact| artifact.executable.clone());
    let library = |plugin: &&Package| {
        let of_plugin = artifacts.iter().filter(|artifact| artifact.package_id == plugin.id);
        let file =
            of_plugin.flat_map(|artifact| &artifact.filenames).find(|file| file.extension() == Some(DLL_EXTENSION));
        file.map(PathBuf::from).with_context(|| format!("cargo built no .{DLL_EXTENSION} file for `{}`", plugin.name))
    };
    Ok(Built {
        binary: binary.with_context(|| format!("cargo built no binary `{BINARY}`"))?.into(),
        plugins: stock.iter().map(library).collect::<Result<_>>()?,
    })
}
