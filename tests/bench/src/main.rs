//! Benchmarks of the whole daemon. Start them with `cargo xtask bench`; see `docs/benchmarks.md`.
#![forbid(unsafe_code)]

mod bare;
mod daemon;
mod figure;
mod latency;
mod link;
mod mesh;
mod spine;

use std::process::ExitCode;

use clap::Parser;

/// Benchmarks of Tieline.
#[derive(Parser)]
#[command(name = "tieline-bench")]
enum Bench {
    /// The main path: durable messages, asks, broadcasts, links, start and rest.
    Spine(spine::Spine),
    /// A bare echo server, which the benchmarks start themselves. Prints its port.
    #[command(hide = true)]
    Echo,
}

fn main() -> ExitCode {
    let done = match Bench::parse() {
        Bench::Spine(spine) => spine.run(),
        Bench::Echo => bare::echo::serve(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
