//! The arguments of `tieline primer`.

use clap::Args;

/// `tieline primer`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline primer >> AGENTS.md
  tieline primer --skill > .claude/skills/tieline/SKILL.md

At most 700 tokens. Needs no daemon.")]
pub struct Primer {
    /// With the head of a skill file
    #[arg(long)]
    pub skill: bool,
}
