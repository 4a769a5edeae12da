//! Starting agent programs.

use std::{path::PathBuf, time::Duration};

use tieline_model::Address;

use super::value;

/// `tieline spawn`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tieline spawn ~/work/api --agent claude
  tieline spawn ~/work/api --profile fast --worktree fix/flaky-test
  tmux -L tieline attach                      # see them

Only below `spawn.roots`, and by `spawn.profiles`: see `tieline config show`.")]
pub struct Spawn {
    /// The folder that the program works in
    pub folder: PathBuf,
    /// Which agent program: the profile of that name
    #[arg(long, required_unless_present = "profile", conflicts_with = "profile")]
    pub agent: Option<String>,
    /// By which of the configured profiles
    #[arg(long)]
    pub profile: Option<String>,
    /// Make a working tree on a new branch of this name, and work there
    #[arg(long, value_name = "BRANCH")]
    pub worktree: Option<String>,
    /// What the session is called; after folder and program by default
    #[arg(long)]
    pub title: Option<String>,
    /// On behalf of this session; your own by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
    /// How long to look on until the program is there; 0s to ask for it alone
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = value::span)]
    pub wait: Duration,
}
