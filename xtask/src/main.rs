//! The project's chores: `cargo xtask run | test | fuzz | agents | install | bench`.
#![forbid(unsafe_code)]

mod agents;
mod bench;
mod build;
mod daemon;
mod first_party;
mod fuzz;
mod health;
mod install;
mod plugins;
mod run;
mod test;
mod workspace;

use clap::Parser;
use std::process::ExitCode;

/// Chores of the Tieline workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Build and start a mesh, play the demo in it once, and keep it running until Ctrl-C.
    Run(run::Run),
    /// Check everything that must pass before a change lands.
    Test(test::Test),
    /// Run what is made up at random against the plugin boundary, for longer than the tests do.
    Fuzz(fuzz::Fuzz),
    /// Write what the tests have shown of real agent programs into `docs/agents.md`.
    Agents(agents::Agents),
    /// Build for release, and put the binary and the plugins in place.
    Install(install::Install),
    /// Run a benchmark, built for release.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Run(task) => task.run(),
        Task::Test(task) => task.run(),
        Task::Fuzz(task) => task.run(),
        Task::Agents(task) => task.run(),
        Task::Install(task) => task.run(),
        Task::Bench(task) => task.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
