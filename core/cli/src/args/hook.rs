//! What a hook of an agent program is run with.

use tieline_agents::Agent;

/// Options of `hook`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Run by the agent program itself; `tieline setup` enters it there. The payload is read from standard \
                        input, and what the program is to take in is printed. It never fails: an agent does not have to \
                        wait for a mesh that is away.\n\nExample:\n  \
                        tieline hook --agent claude Stop < payload.json"
)]
pub struct Hook {
    /// What happened, as the agent program calls it
    pub event: String,
    /// Which agent program
    #[arg(long)]
    pub agent: Agent,
    /// Look into the program's record for what was handed out, until it shows there; begun by the hook itself
    #[arg(long, hide = true)]
    pub later: bool,
    /// Stay beside the program: read its hooks from standard input, one JSON object `{"event", "payload"}` a line, and print
    /// what it is to be prompted with, one a line; run by the plugins that `tieline setup` writes
    #[arg(long, hide = true)]
    pub listen: bool,
    /// Fail when the daemon could not be told
    #[arg(long)]
    pub strict: bool,
}
