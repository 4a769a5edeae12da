//! The commands that read.

use clap::Args;
use tieline_model::{Address, Lane, MessageId};

use super::value;

/// `tieline inbox`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline inbox
  tieline inbox --ack
  tieline inbox review --follow --lane msg
  tieline inbox --lane msg --after 0

Reading changes nothing. With --ack what was printed counts as delivered and seen, and is not shown again.")]
pub struct Inbox {
    /// Whose; your home's by default
    pub session: Option<Address>,
    /// Keep printing what comes in
    #[arg(long, short)]
    pub follow: bool,
    /// Tell the senders that it was delivered and seen, after printing
    #[arg(long)]
    pub ack: bool,
    /// Only this lane: ctl has notices, msg asks, acks and notifies, bulk broadcasts
    #[arg(long, value_parser = value::one_of::<Lane>(&["ctl", "msg", "bulk"]))]
    pub lane: Option<Lane>,
    /// Only numbers after this one, read messages included; needs --lane
    #[arg(long, value_name = "NUMBER", requires = "lane", conflicts_with = "ack")]
    pub after: Option<u64>,
    /// At most so many per lane, 1 to 200
    #[arg(long)]
    pub limit: Option<u32>,
}

/// `tieline peers`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline peers\n  tieline peers review")]
pub struct Peers {
    /// Only peers of this session
    pub session: Option<Address>,
}

/// `tieline trace`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline trace msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
pub struct Trace {
    /// Which message
    pub id: MessageId,
}

/// `tieline thread`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline thread msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
pub struct Thread {
    /// Any message of it
    pub id: MessageId,
}

/// `tieline why`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline why review")]
pub struct Why {
    /// Which session
    pub session: Address,
}

/// `tieline timeline`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline timeline
  tieline timeline review release
  tieline timeline review --before 4711
  tieline timeline review --all --json > review.jsonl

The newest page of what happened in sessions, merged in the order of recording. Its numbers are the cursors that --before and
--after take.")]
pub struct Timeline {
    /// Which sessions, up to 20; your home by default
    pub sessions: Vec<Address>,
    /// The page that begins after this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "before")]
    pub after: Option<i64>,
    /// The page that ends before this cursor
    #[arg(long, value_name = "CURSOR")]
    pub before: Option<i64>,
    /// At most so many, 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
    /// Everything, oldest first; with --json one event per line
    #[arg(long, conflicts_with_all = ["before", "limit"])]
    pub all: bool,
}

/// `tieline events`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline events
  tieline events --session review --after 4711
  tieline events --follow
  tieline events --follow --session build --session review --after 4711
  tieline events --follow --json | jq .body

Without --follow: what `tieline timeline` shows, of your home session by default. With it: what happens from now on, or after a
cursor, in all sessions in reach or in those named. Where something was purged meanwhile, that is said.")]
pub struct Events {
    /// Keep printing what happens
    #[arg(long, short)]
    pub follow: bool,
    /// Only the timeline of this session; may be given up to 20 times
    #[arg(long = "session", value_name = "SESSION")]
    pub sessions: Vec<Address>,
    /// Only what came after this cursor, that of the last event seen
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,
    /// At most so many
    #[arg(long, conflicts_with = "follow")]
    pub limit: Option<u32>,
}
