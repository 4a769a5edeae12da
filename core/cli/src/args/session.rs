//! The commands about sessions.

use clap::{Args, Subcommand};
use tieline_model::{Address, SessionId};

/// `tieline sessions`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  tieline sessions
  tieline sessions show review
  tieline sessions open review --role critic"
)]
pub struct Sessions {
    /// What to do; list by default.
    #[command(subcommand)]
    pub verb: Option<SessionsVerb>,
    /// How to list.
    #[command(flatten)]
    pub list: List,
}

/// One command about sessions.
#[derive(Debug, Subcommand)]
pub enum SessionsVerb {
    /// List the sessions in reach
    List(List),
    /// Show one session
    Show(Show),
    /// Open a session, to which messages can be sent
    Open(Open),
    /// Close a session; its open asks are orphaned and their askers told
    Close(Close),
    /// Give a session another title
    Rename(Rename),
    /// Change what a session says about itself
    Describe(Describe),
}

/// `tieline sessions list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline sessions list\n  tieline sessions list --circle ops --all")]
pub struct List {
    /// Only this circle
    #[arg(long)]
    pub circle: Option<String>,
    /// Closed ones too
    #[arg(long)]
    pub all: bool,
    /// At most so many, 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
    /// Only those after this one
    #[arg(long, value_name = "SESSION_ID")]
    pub after: Option<SessionId>,
}

/// `tieline sessions show`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions show review")]
pub struct Show {
    /// Which session
    pub session: Address,
}

/// `tieline sessions open`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions open review --role critic --description \"reads every diff\"")]
pub struct Open {
    /// What people call it
    pub title: String,
    /// The circle; your own by default
    #[arg(long)]
    pub circle: Option<String>,
    /// A role by which it can be addressed as @ROLE; may be given several times
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,
    /// What it is about
    #[arg(long)]
    pub description: Option<String>,
    /// The path of its project
    #[arg(long, value_name = "PATH")]
    pub project: Option<String>,
}

/// `tieline sessions close`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions close review")]
pub struct Close {
    /// Which session
    pub session: Address,
}

/// `tieline sessions rename`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions rename review \"review of 1.2\"")]
pub struct Rename {
    /// Which session
    pub session: Address,
    /// The new title
    pub title: String,
}

/// `tieline sessions describe`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions describe review --role critic --role gate")]
pub struct Describe {
    /// Which session
    pub session: Address,
    /// What it is about
    #[arg(long)]
    pub description: Option<String>,
    /// All its roles from now on; may be given several times
    #[arg(long, value_name = "ROLE")]
    pub role: Vec<String>,
    /// Take all roles away
    #[arg(long, conflicts_with = "role")]
    pub no_roles: bool,
    /// The path of its project
    #[arg(long, value_name = "PATH")]
    pub project: Option<String>,
}
