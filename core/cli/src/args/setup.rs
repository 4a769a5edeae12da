//! Arguments of `tieline setup`.

use clap::Args;
use tieline_agents::Agent;

/// `tieline setup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline setup --dry-run
  tieline setup
  tieline setup claude codex --yes
  tieline setup --undo

Whatever is overwritten is kept beside the data of the daemon until it is undone.")]
pub struct Setup {
    /// Which agent programs: claude, codex, gemini, opencode, pi; by default all that are on the PATH
    #[arg(value_name = "AGENT")]
    pub agents: Vec<Agent>,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Take out again what setup has put in
    #[arg(long, conflicts_with_all = ["approve_tools", "keep_codex_daemon"])]
    pub undo: bool,
    /// Let Codex call the mesh's tools without asking you
    #[arg(long)]
    pub approve_tools: bool,
    /// Leave the process alone that all terminals of Codex share; sessions in several terminals may then be mistaken for each
    /// other
    #[arg(long)]
    pub keep_codex_daemon: bool,
}
