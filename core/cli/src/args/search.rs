//! The commands that find events by their words.

use clap::Args;
use tieline_model::Address;

/// `tieline search`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline search deploy edge
  tieline search '\"rolled back\" migrat*' --session release --after 7d
  tieline search 'kind:tool_ended has:error timeout -flaky'
  tieline search --kind said --author assistant --before 2026-11-20 --json

Everything that is given has to hold. In the words: \"a phrase\", a beginning*, -what must not be there, and the filters session:
circle: kind: author: after: before: has: (approval, error, file, tool, cost) is: (open, closed). Times are days as in
2026-11-20, days with a time as in 2026-11-20T14:30, both in UTC, or spans until now as in 7d (m, h, d, w).")]
pub struct Search {
    /// What to look for
    pub words: Vec<String>,
    /// Only on this timeline; may be given several times
    #[arg(long = "session", value_name = "SESSION")]
    pub sessions: Vec<Address>,
    /// Only in this circle
    #[arg(long)]
    pub circle: Option<String>,
    /// Only events of this kind, as in said, or messages of it, as in ask; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// Only the doing of this principal, or of user, assistant, reasoning or system in a chat
    #[arg(long)]
    pub author: Option<String>,
    /// Not before this time
    #[arg(long, value_name = "TIME")]
    pub after: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// At most so many, 1 to 100
    #[arg(long)]
    pub limit: Option<u32>,
    /// Where it goes on, as the page before said
    #[arg(long, value_name = "PLACE")]
    pub next: Option<String>,
}

/// `tieline recall`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tieline recall 'why was the rollout stopped' --budget-tokens 800

What `tieline search` finds, as a digest for a model: session by session, with links, and no longer than it may be. A token is
counted as four bytes.")]
pub struct Recall {
    /// What to look for, in the words of `tieline search`
    #[arg(required = true)]
    pub words: Vec<String>,
    /// How long the digest may be, 100 to 8000
    #[arg(long, value_name = "TOKENS")]
    pub budget_tokens: Option<u32>,
}
