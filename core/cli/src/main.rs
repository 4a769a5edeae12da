//! The `tieline` binary: the daemon, and everything that a person or a script does with it.
#![forbid(unsafe_code)]

mod args;
mod client;
mod context;
mod credential;
mod demo;
mod doctor;
mod endpoint;
mod exit;
mod hook;
mod host;
mod mcp;
mod output;
mod render;
mod run;
mod serve;
mod service;
mod settings;
mod setup;
mod sse;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    run::main(args::Cli::parse())
}
