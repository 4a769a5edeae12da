//! The commands that send.

use std::time::Duration;

use clap::Args;
use tieline_model::{Address, MessageId, command::Need};

use super::value;

/// `tieline ask`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline ask review \"May I merge?\"
  tieline ask review \"May I merge?\" --wait 60
  git diff | tieline ask @critic - --wait 5m --expires 1h

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
  tieline ask-many --need any \"Who can look at the build?\" build ops/oncall")]
pub struct AskMany {
    /// The question; `-` reads it from standard input
    pub text: String,
    /// Whom to ask: 1 to 100 sessions
    #[arg(required = true)]
    pub to: Vec<Address>,
    /// How many answers are needed; with `any` the first one withdraws the others
    #[arg(long, default_value = "all", value_parser = value::one_of::<Need>(&["any", "all"]))]
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
