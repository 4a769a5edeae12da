//! The commands about the memory of sessions.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use tieline_model::{Address, ProposalId};

/// `tieline memory`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline memory show review --at 120
  tieline memory snapshot --origin start CLAUDE.md docs/rules.md
  tieline memory decide prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f allow

What memory is, and what it is not: docs/memory.md.")]
pub struct Memory {
    /// What to do
    #[command(subcommand)]
    pub verb: MemoryVerb,
}

/// One command about memory.
#[derive(Debug, Subcommand)]
pub enum MemoryVerb {
    /// Show the files that a session works by, now or at an event
    #[command(after_help = "Examples:\n  tieline memory show review\n  tieline memory show review --at 120")]
    Show(ShowMemory),
    /// Read what happened to the memory of a session, newest first
    #[command(after_help = "Example:\n  tieline memory log review --limit 20")]
    Log(LogMemory),
    /// Show what changed between two events
    #[command(after_help = "Example:\n  tieline memory diff review 40 120")]
    Diff(DiffMemory),
    /// Record the files that the agent of a session works by, all of them
    #[command(
        after_help = "Example:\n  tieline memory snapshot --session review --origin start CLAUDE.md docs/rules.md"
    )]
    Snapshot(SnapshotMemory),
    /// Propose a change of a file; a person decides
    Propose(ProposeMemory),
    /// Allow or refuse a proposed change
    #[command(after_help = "\
Examples:
  tieline memory decide prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f allow
  tieline memory decide prp_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f reject 'too long'")]
    Decide(DecideMemory),
    /// Write a file that is in force to the disk
    Apply(ApplyMemory),
}

/// `tieline memory show`.
#[derive(Debug, Args)]
pub struct ShowMemory {
    /// Whose
    pub session: Address,
    /// At this event of its timeline; now by default
    #[arg(long, value_name = "SEQ")]
    pub at: Option<u64>,
}

/// `tieline memory log`.
#[derive(Debug, Args)]
pub struct LogMemory {
    /// Whose
    pub session: Address,
    /// Only events before this one
    #[arg(long, value_name = "SEQ")]
    pub before: Option<u64>,
    /// At most so many, 1 to 200
    #[arg(long)]
    pub limit: Option<u32>,
}

/// `tieline memory diff`.
#[derive(Debug, Args)]
pub struct DiffMemory {
    /// Whose
    pub session: Address,
    /// From this event; 0 is before the first
    pub from: u64,
    /// To this one; now by default
    pub to: Option<u64>,
}

/// `tieline memory snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotMemory {
    /// The files, under the paths by which the agent knows them
    #[arg(required = true)]
    pub files: Vec<String>,
    /// Whose; your home by default
    #[arg(long)]
    pub session: Option<Address>,
    /// On what occasion, as in start or resume
    #[arg(long, default_value = "start")]
    pub origin: String,
}

/// `tieline memory propose`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("change").required(true),
    after_help = "\
Examples:
  tieline memory propose CLAUDE.md --file CLAUDE.new.md --reason 'tests first'
  git diff -- CLAUDE.md | tieline memory propose CLAUDE.md --session review --diff - --reason 'tests first'"
)]
pub struct ProposeMemory {
    /// Which file
    pub path: String,
    /// Whose memory; that of your home by default
    #[arg(long)]
    pub session: Option<Address>,
    /// Its new text; - reads it from standard input
    #[arg(long, group = "change")]
    pub text: Option<String>,
    /// A file with its new text
    #[arg(long, value_name = "FILE", group = "change")]
    pub file: Option<PathBuf>,
    /// The change as a unified diff; - reads it from standard input
    #[arg(long, group = "change")]
    pub diff: Option<String>,
    /// The file is to go
    #[arg(long, group = "change")]
    pub remove: bool,
    /// Why
    #[arg(long)]
    pub reason: String,
}

/// What a person says to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Decision {
    /// It comes into force.
    Allow,
    /// It does not.
    Reject,
}

/// `tieline memory decide`.
#[derive(Debug, Args)]
pub struct DecideMemory {
    /// Which proposal
    pub id: ProposalId,
    /// Whether it comes into force
    pub decision: Decision,
    /// Why
    pub reason: Option<String>,
}

/// `tieline memory apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline memory apply review CLAUDE.md --to CLAUDE.md
  tieline memory apply review CLAUDE.md --to ../project/CLAUDE.md --yes

It shows what would change, and writes nothing without --yes.")]
pub struct ApplyMemory {
    /// Whose
    pub session: Address,
    /// Which of its files
    pub path: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Write it
    #[arg(long)]
    pub yes: bool,
}
