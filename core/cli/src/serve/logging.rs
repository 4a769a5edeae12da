//! The daemon's own log, on standard error. No secrets, prompts or message texts ever go there.

use std::io::IsTerminal;

use anyhow::Context;
use tieline_config::{Format, Log};
use tracing_subscriber::EnvFilter;

/// Libraries that would log what they carry, and one that tells the start twice.
const CLAMPED: [&str; 4] = ["rmcp=warn", "rmcp_actix_web=warn", "actix_http=warn", "actix_server=warn"];

/// Starts logging for the rest of the process.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let mut filter = EnvFilter::try_new(&log.filter).with_context(|| format!("`log.filter` is `{}`", log.filter))?;
    for clamped in CLAMPED {
        filter = filter.add_directive(clamped.parse().context("a built-in log directive")?);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        Format::Text => {
            let is_terminal = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(is_terminal).try_init()
        }
        Format::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))
}
