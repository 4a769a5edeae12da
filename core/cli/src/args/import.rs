//! Arguments of `tieline import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tieline_model::Address;

use super::ImportLines;

/// `tieline import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline import claude
  tieline import codex ~/.codex/sessions/2026/11
  tieline import claude transcript.jsonl --into review --follow")]
pub struct Import {
    /// Whose transcripts
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// Whose transcripts are taken in.
#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    /// Take in transcripts of Claude Code
    #[command(after_help = "Example:\n  tieline import claude --dry-run")]
    Claude(Transcripts),
    /// Take in transcripts of Codex
    #[command(after_help = "Example:\n  tieline import codex --dry-run")]
    Codex(Transcripts),
    /// Take in an export of this program, as JSON Lines
    #[command(after_help = "Example:\n  tieline import jsonl review.jsonl")]
    Jsonl(ImportLines),
}

/// What to take in, and how.
#[derive(Debug, Args)]
pub struct Transcripts {
    /// Files, or folders with everything below; by default where the program keeps them
    pub paths: Vec<PathBuf>,
    /// Put them on the timeline of this session of yours; by default each transcript gets one
    #[arg(long, value_name = "SESSION")]
    pub into: Option<Address>,
    /// Go on as the files grow and new ones come, until interrupted
    #[arg(long, conflicts_with = "dry_run")]
    pub follow: bool,
    /// Only say what would be taken in
    #[arg(long)]
    pub dry_run: bool,
}
