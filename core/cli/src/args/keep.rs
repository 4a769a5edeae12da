//! Arguments of `tieline export`, `tieline purge` and `tieline import jsonl`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use tieline_model::{Address, TimestampMs};

use super::value::instant;

/// `tieline export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline export review > review.jsonl
  tieline export review -o review.jsonl
  tieline export review --format markdown -o review.md

JSON Lines are complete, and `tieline import jsonl` takes them in. Markdown is for people. Several sessions come one after
the other.")]
pub struct Export {
    /// Which sessions
    #[arg(required = true)]
    pub sessions: Vec<Address>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub format: ExportFormat,
    /// Into this file, which must not be there, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line
    Jsonl,
    /// For people
    Markdown,
}

/// `tieline purge`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true), after_help = "\
Examples:
  tieline purge review --through 4711
  tieline purge review --before 2026-11-01
  tieline purge review --all --yes

Removes events and the words of messages, so that no trace is left in the files of the daemon. The database is written anew;
commands wait meanwhile. Backups and exports are yours to remove: docs/retention.md. Nobody but a person may.")]
pub struct Purge {
    /// Which session
    pub session: Address,
    /// Everything through this number of its timeline
    #[arg(long, value_name = "SEQ", group = "what")]
    pub through: Option<u64>,
    /// Everything before this date or instant, as in 2026-11-01 or 2026-11-01T09:00:00Z
    #[arg(long, value_name = "DATE", group = "what", value_parser = instant)]
    pub before: Option<TimestampMs>,
    /// Everything but its id; it has to be closed or archived
    #[arg(long, group = "what")]
    pub all: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `tieline import jsonl`.
#[derive(Debug, Args)]
pub struct ImportLines {
    /// The export; `-` for standard input is not possible, because it is read twice
    pub file: PathBuf,
    /// What the new session is called; by default as the exported one
    #[arg(long)]
    pub title: Option<String>,
    /// The circle of the new session
    #[arg(long)]
    pub circle: Option<String>,
    /// Open a new session though this export was taken in before
    #[arg(long)]
    pub again: bool,
}
