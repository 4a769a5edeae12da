//! The commands about files that sessions work on.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use tieline_model::Address;

/// `tieline files`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline files lease src/api.rs --note 'new error type'
  tieline files list
  tieline files release

A lease keeps nobody from writing; it lets others know. More: docs/collaboration.md.")]
pub struct Files {
    /// What to do
    #[command(subcommand)]
    pub verb: FilesVerb,
}

/// One command about files.
#[derive(Debug, Subcommand)]
pub enum FilesVerb {
    /// Say which files a session is about to change
    #[command(after_help = "Example:\n  tieline files lease src/api.rs tests --for 2h --note 'new error type'")]
    Lease(LeaseFiles),
    /// Give leases back; all of the session's without a path
    #[command(after_help = "Examples:\n  tieline files release src/api.rs\n  tieline files release")]
    Release(ReleaseFiles),
    /// List the leases that hold now
    #[command(after_help = "Example:\n  tieline files list --circle ops")]
    List(ListFiles),
}

/// `tieline files lease`.
#[derive(Debug, Args)]
pub struct LeaseFiles {
    /// Files and folders
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// For how long, as in 2h, at most 24h; 30 minutes by default
    #[arg(long = "for", value_name = "SPAN", value_parser = super::value::span)]
    pub span: Option<Duration>,
    /// What for, shown to others
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// The session that changes them; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline files release`.
#[derive(Debug, Args)]
pub struct ReleaseFiles {
    /// Files and folders, as they were leased
    pub paths: Vec<PathBuf>,
    /// Whose; your home's by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline files list`.
#[derive(Debug, Args)]
pub struct ListFiles {
    /// Of this circle; your own by default
    #[arg(long)]
    pub circle: Option<String>,
}
