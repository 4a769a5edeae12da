//! `cargo xtask fuzz`: runs what is made up at random against the plugin boundary, for longer than the tests do.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

const PACKAGE: &str = "tieline-host";
/// The module that the targets are in.
const TARGETS: &str = "fuzz::";
/// Where AddressSanitizer is used: there it comes with every Rust.
const SANITIZED: &str = "x86_64-unknown-linux-gnu";

/// Options of `fuzz`.
#[derive(clap::Args)]
pub struct Fuzz {
    /// One target: the name of a folder in tests/fuzz; all of them without it
    target: Option<String>,
    /// How long each target runs, after its corpus
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Brings a run back; without it each is another one
    #[arg(long)]
    seed: Option<u64>,
}

impl Fuzz {
    /// Runs the targets, and stops at the first input that breaks something.
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        let mut cargo = command(&workspace, self.target.as_deref().unwrap_or_default());
        let seed = match self.seed {
            Some(seed) => seed,
            None => now_ms()?,
        };
        println!("The seed is {seed}; what a target does with it depends on how far it gets.");
        cargo.args(["--nocapture", "--test-threads", "2"]);
        cargo.env("TIELINE_FUZZ_SECONDS", (self.minutes * 60).to_string()).env("TIELINE_FUZZ_SEED", seed.to_string());
        let status = cargo.status().context("failed to start cargo")?;
        if !status.success() {
            bail!(
                "a target failed: its input is named above, or the file of its name in the folder `fuzz` of the build"
            );
        }
        Ok(())
    }
}

/// Returns the call of cargo that runs the targets, under AddressSanitizer where there is one, as often as in the tests.
///
/// `target` is the beginning of a name, or empty.
pub fn command(workspace: &Workspace, target: &str) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", PACKAGE, "--lib"]);
    if is_sanitized() {
        // The sanitizer is not stable in name, but comes with the stable compiler.
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
        // The functions of an instance live until the process ends, which is no leak.
        cargo.env("ASAN_OPTIONS", "detect_leaks=0");
        // Named, so that build scripts and macros are compiled as usual.
        cargo.args(["--target", SANITIZED, "--target-dir"]).arg(workspace.target_dir().join("asan"));
    }
    cargo.arg("--").arg(format!("{TARGETS}{target}"));
    cargo
}

/// Tells whether the targets run under AddressSanitizer here.
pub fn is_sanitized() -> bool {
    cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))
}

#[allow(clippy::disallowed_methods, reason = "another run is wanted each time")]
fn now_ms() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(since.as_millis() as u64)
}
