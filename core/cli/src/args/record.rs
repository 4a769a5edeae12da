//! Arguments of `tieline record`.

use std::path::PathBuf;

use clap::Args;
use tieline_model::Address;

/// `tieline record`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline record --note 'the fork is merged; tests pass'
  tieline record --session review activities.jsonl
  my-agent | tieline record -

Each line of a file is one activity as JSON, as in {\"said\":{\"role\":\"assistant\",\"text\":\"done\"}}, or one with its time:
{\"at_ms\":1790000000000,\"what\":{\"said\":{…}}}. All of them: docs/timeline.md.")]
pub struct Record {
    /// A file of activities, one a line; - is standard input
    #[arg(required_unless_present = "note", conflicts_with = "note")]
    pub file: Option<PathBuf>,
    /// A note
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// On whose timeline; your home's by default
    #[arg(long)]
    pub session: Option<Address>,
}
