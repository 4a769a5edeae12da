//! MCP on standard input and output.

use std::process::ExitCode;

use tieline_model::Address;

use crate::context::Context;

/// Speaks until standard input ends.
pub fn run(_context: &Context, _session: Option<Address>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("MCP is not part of this build")
}
