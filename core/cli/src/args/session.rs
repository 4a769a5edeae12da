//! The commands about sessions.

use clap::{Args, Subcommand};
use tieline_model::{Address, SessionId, reply::SessionState};

/// The states of a session, as they are typed.
const STATES: &[&str] = &["open", "active", "waiting", "idle", "closed", "archived"];

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
    /// Give a session labels, or take them away
    Label(Label),
    /// Show a session before others
    #[command(after_help = "Example:\n  tieline sessions pin review")]
    Pin(Which),
    /// Show a session no longer before others
    #[command(after_help = "Example:\n  tieline sessions unpin review")]
    Unpin(Which),
    /// Move a session to another circle
    Move(Move),
    /// Hand a session over to another principal, who may write for it from then on
    HandOver(HandOver),
    /// Limit what a session and its forks may use
    Budget(Budget),
    /// Put a session away; it takes no messages until it is restored
    #[command(after_help = "Example:\n  tieline sessions archive review")]
    Archive(Which),
    /// Open a session again that was put away or closed
    #[command(after_help = "Example:\n  tieline sessions restore review")]
    Restore(Which),
    /// Open a session that goes on from an event of another
    Fork(Fork),
    /// Tell the session that one was forked from what came of it
    Merge(Merge),
    /// End the agent program of a session that was spawned
    #[command(after_help = "Example:\n  tieline sessions kill api-codex")]
    Kill(Which),
    /// Start the agent program of a session that was spawned again, where it left off
    #[command(after_help = "Example:\n  tieline sessions rerun api-codex")]
    Rerun(Which),
    /// Be told once when a session's agent program has come to rest, or is offline
    Watch(Watch),
    /// Print, or hand to another session, what is needed to go on with a session's work
    Bundle(Bundle),
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
    /// Only those in this state: open, active, waiting, idle, closed or archived
    #[arg(long, value_parser = super::value::one_of::<SessionState>(STATES))]
    pub state: Option<SessionState>,
    /// Only those with this label
    #[arg(long)]
    pub label: Option<String>,
    /// Only pinned ones
    #[arg(long)]
    pub pinned: bool,
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

/// `tieline sessions pin`, `unpin`, `archive` and `restore`.
#[derive(Debug, Args)]
pub struct Which {
    /// Which session
    pub session: Address,
}

/// `tieline sessions label`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions label review --add urgent --remove later")]
pub struct Label {
    /// Which session
    pub session: Address,
    /// A label that it gets; may be given several times
    #[arg(long, value_name = "LABEL", required_unless_present = "remove")]
    pub add: Vec<String>,
    /// A label that it loses; may be given several times
    #[arg(long, value_name = "LABEL")]
    pub remove: Vec<String>,
}

/// `tieline sessions move`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions move review ops")]
pub struct Move {
    /// Which session
    pub session: Address,
    /// Its circle from now on
    pub circle: String,
}

/// `tieline sessions hand-over`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions hand-over review critic")]
pub struct HandOver {
    /// Which session
    pub session: Address,
    /// The home session of the principal that gets it
    pub to: Address,
}

/// `tieline sessions budget`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tieline sessions budget review --tokens 2000000\n  tieline sessions budget review --usd 5\n  tieline sessions budget review --none"
)]
pub struct Budget {
    /// Which session; its forks use of the same budget
    pub session: Address,
    /// Tokens, read and written together
    #[arg(long, required_unless_present_any = ["usd", "none"])]
    pub tokens: Option<u64>,
    /// US dollars
    #[arg(long)]
    pub usd: Option<f64>,
    /// Lift all limits
    #[arg(long, conflicts_with_all = ["tokens", "usd"])]
    pub none: bool,
}

/// `tieline sessions fork`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tieline sessions fork review \"review, another way\"\n  tieline sessions fork review again --seq 42"
)]
pub struct Fork {
    /// From which session
    pub session: Address,
    /// What people call the new one
    pub title: String,
    /// The last event that the fork knows; the newest by default
    #[arg(long, value_name = "NUMBER")]
    pub seq: Option<u64>,
}

/// `tieline sessions merge`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline sessions merge again 'the second way is faster; see its branch' --archive")]
pub struct Merge {
    /// Which session ends in another
    pub session: Address,
    /// What came of it; - reads standard input
    pub note: String,
    /// In which session; the one that it was forked from by default
    #[arg(long)]
    pub into: Option<Address>,
    /// Put it away then
    #[arg(long)]
    pub archive: bool,
}

/// `tieline sessions bundle`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline sessions bundle review
  tieline sessions bundle review --to build

Markdown: what it is, its open asks, the files that it changed, and the last 20 things that were said.")]
pub struct Bundle {
    /// Of which session
    pub session: Address,
    /// Tell it to this session instead of printing it
    #[arg(long, value_name = "SESSION")]
    pub to: Option<Address>,
    /// The session to tell it as; your home by default
    #[arg(long = "as", value_name = "SESSION", requires = "to")]
    pub sender: Option<Address>,
}

/// `tieline sessions watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline sessions watch review
  tieline sessions watch review --as build

The notice comes into the inbox, and wakes an idle agent program. A watch ends after 24 hours.")]
pub struct Watch {
    /// Whose program
    pub session: Address,
    /// The session that is told; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
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
