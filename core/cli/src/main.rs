//! The `tieline` binary.
#![allow(clippy::all)]
mod serve;
use std::process::ExitCode;
fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).map(String::as_str) == Some("plugin-probe") {
        return Ok(ExitCode::from(tieline_host::probe(std::path::Path::new(&args[2])) as u8));
    }
    let env = tieline_config::environment();
    let home = tieline_config::Home::find(&env)?;
    let layers = tieline_config::Layers::gather(&home, env, vec![])?;
    let loaded = tieline_config::load(&layers)?;
    serve::run(&home, loaded.config)
}
