//! The commands that send.

use std::time::Duration;

use clap::Args;
use tieline_model::{
    Address, MessageId,
    command::{Escalation, Need, Urgency},
};

use super::value;

/// The urgencies, as they are typed.
const URGENCIES: &[&str] = &["next_turn", "next_tool_call", "interrupt"];

/// `tieline ask`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline ask review \"May I merge?\"
  tieline ask review \"May I merge?\" --wait 60
  git diff | tieline ask @critic - --wait 5m --expires 1h
  tieline ask review \"May I merge?\" --escalate 10m=@lead --escalate 1h=human --urgency interrupt

With --wait it exits with 1 when no answer came in time; the ask stays open.")]
pub struct Ask {
    /// Whom to ask: a session's title, its id, circle/title, or @role
    pub to: Address,
    /// The question; `-` reads it from standard input
    pub text: String,
    /// Wait so long for the answer and print it: seconds, or a span such as 2m
    #[arg(long, value_name = "SECONDS", value_parser = value::seconds)]
    pub wait: Option<Duration>,
    /// How long the ask stays open, as in 2h; 7d by default
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub expires: Option<Duration>,
    /// Whom to ask as well when nobody has answered after so long, as in 10m=@lead; up to five times
    #[arg(long, value_name = "AFTER=SESSION", value_parser = value::escalation)]
    pub escalate: Vec<Escalation>,
    /// When it is first reminded of, as in 5m; 0s for never
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub remind: Option<Duration>,
    /// When it should be looked at, as far as the receiver's runtime can
    #[arg(long, value_parser = value::one_of::<Urgency>(URGENCIES))]
    pub urgency: Option<Urgency>,
    /// An earlier message of yours that this one replaces
    #[arg(long, value_name = "MESSAGE")]
    pub supersedes: Option<MessageId>,
    /// The message that this refers to
    #[arg(long, value_name = "MESSAGE")]
    pub reply_to: Option<MessageId>,
    /// The session to ask as; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline ack`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline ack msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f \"Yes, after the tests.\"
  tieline ack msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
pub struct Ack {
    /// The ask that is answered
    pub ask: MessageId,
    /// The answer; `-` reads it from standard input; without it the ask is just closed
    pub text: Option<String>,
    /// Say that there will be no answer; the text says why
    #[arg(long)]
    pub decline: bool,
    /// The session to answer as; the one that was asked by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline notify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline notify review \"The build is green.\"
  make 2>&1 | tail -20 | tieline notify build -")]
pub struct Notify {
    /// Whom to tell: a session's title, its id, circle/title, or @role
    pub to: Address,
    /// What; `-` reads it from standard input
    pub text: String,
    /// How long it is worth delivering, as in 2h; 7d by default
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub expires: Option<Duration>,
    /// When it should be looked at, as far as the receiver's runtime can
    #[arg(long, value_parser = value::one_of::<Urgency>(URGENCIES))]
    pub urgency: Option<Urgency>,
    /// An earlier message of yours that this one replaces
    #[arg(long, value_name = "MESSAGE")]
    pub supersedes: Option<MessageId>,
    /// The message that this refers to
    #[arg(long, value_name = "MESSAGE")]
    pub reply_to: Option<MessageId>,
    /// The session to speak as; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline broadcast`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline broadcast \"main is frozen until noon\"
  tieline broadcast \"new schema\" --circle ops --exclude review --exclude docs")]
pub struct Broadcast {
    /// What to tell; `-` reads it from standard input
    pub text: String,
    /// The circle; your own by default
    #[arg(long)]
    pub circle: Option<String>,
    /// A session to leave out; may be given several times
    #[arg(long, value_name = "SESSION")]
    pub exclude: Vec<Address>,
    /// How long it is worth delivering, as in 2h; 1d by default
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub expires: Option<Duration>,
    /// The session to speak as; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline ask-many`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline ask-many \"Anything against 1.2?\" review docs
  tieline ask-many --need 2 \"Who agrees?\" review docs build
  tieline ask-many --need any \"Who can look at the build?\" build ops/oncall")]
pub struct AskMany {
    /// The question; `-` reads it from standard input
    pub text: String,
    /// Whom to ask: 1 to 100 sessions
    #[arg(required = true)]
    pub to: Vec<Address>,
    /// How many answers are needed: all, any, or a number; as soon as there are so many, the other asks are withdrawn
    #[arg(long, default_value = "all", value_parser = value::need)]
    pub need: Need,
    /// How long the asks stay open, as in 2h; 7d by default
    #[arg(long, value_name = "DURATION", value_parser = value::span)]
    pub expires: Option<Duration>,
    /// The session to ask as; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
}

/// `tieline cancel`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline cancel msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
pub struct Cancel {
    /// Your own message or ask
    pub id: MessageId,
}
