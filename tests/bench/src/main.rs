//! Benchmarks of the whole daemon. Start them with `cargo xtask bench`; see `docs/benchmarks.md`.
#![forbid(unsafe_code)]

mod bare;
mod daemon;
mod figure;
mod hooks;
mod latency;
mod link;
mod mesh;
mod plugins;
mod sessions;
mod setting;
mod spine;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Benchmarks of Tieline.
#[derive(Parser)]
#[command(name = "tieline-bench")]
enum Bench {
    /// The main path: durable messages, asks, broadcasts, links, start and rest.
    Spine(spine::Spine),
    /// Timelines: growing, and read.
    Sessions(sessions::Sessions),
    /// How long an agent waits for its hooks.
    Hooks(hooks::Hooks),
    /// The way through a plugin, and how long one is away while it is replaced.
    Plugins(plugins::Plugins),
    /// A bare echo server, which the benchmarks start themselves. Prints its port.
    #[command(hide = true)]
    Echo,
    /// Opens a plugin and tells what it says about itself: what a host starts before it opens one.
    #[command(hide = true)]
    PluginProbe { file: PathBuf },
    /// Runs a plugin in this process, for the host that has started it.
    #[command(hide = true)]
    PluginHost { file: PathBuf },
}

fn main() -> ExitCode {
    let done = match Bench::parse() {
        Bench::Spine(spine) => spine.run(),
        Bench::Plugins(plugins) => plugins.run(),
        Bench::Sessions(sessions) => sessions.run(),
        Bench::Hooks(hooks) => hooks.run(),
        Bench::Echo => bare::echo::serve(),
        Bench::PluginProbe { file } => std::process::exit(tieline_host::probe(&file)),
        Bench::PluginHost { file } => tieline_host::plugin_host(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
