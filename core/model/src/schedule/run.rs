//! What a schedule has come to: its state, and what became of one instant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SkipReason;
use crate::{Code, MessageId};

/// Whether a schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    Active,
    /// It waits until somebody resumes it.
    Paused,
    /// It has ended: no instant is left, or it was cancelled.
    Done,
}

impl State {
    /// All states. One is stored as its place here.
    pub const ALL: [State; 3] = [State::Active, State::Paused, State::Done];

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Paused => "paused",
            State::Done => "done",
        }
    }
}

/// What became of one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The command was carried out.
    Fired {
        /// The message that it sent; the first one when it sent several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
    },
    /// The command was refused; nothing of it was done.
    Refused {
        /// The case.
        code: Code,
        /// What was found and what was wanted.
        message: String,
    },
    /// The command was not tried.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
}
