//! Sessions as they are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RuntimeView;
use crate::{MessageId, PrincipalId, SessionId, TimestampMs, event::Draft, session::progress::Usage};

/// How a session is, derived from what happened. `why` tells from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It takes messages, and nobody has worked in it yet.
    Open,
    /// Its agent works: on a turn, or on an ask that was delivered to it.
    Active,
    /// It cannot go on before somebody answers or allows something.
    Waiting,
    /// Nobody works in it, and it waits for nothing.
    Idle,
    /// It takes no more messages.
    Closed,
    /// It was put away, and can be restored.
    Archived,
}

impl SessionState {
    /// Tells whether it takes messages.
    pub const fn takes_messages(self) -> bool {
        !matches!(self, SessionState::Closed | SessionState::Archived)
    }

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            SessionState::Open => "open",
            SessionState::Active => "active",
            SessionState::Waiting => "waiting",
            SessionState::Idle => "idle",
            SessionState::Closed => "closed",
            SessionState::Archived => "archived",
        }
    }
}

/// What a session waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// On whom or what.
    pub on: WaitingOn,
    /// Since when.
    pub since_ms: TimestampMs,
}

/// On whom or what a session waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// On the answer of another session.
    Answer {
        /// The ask.
        ask: MessageId,
        /// The session that was asked.
        from: SessionId,
    },
    /// On somebody who allows something.
    Approval {
        /// The approval, as its runtime calls it.
        approval: String,
        /// What is to be allowed.
        subject: String,
    },
}

/// From where a session was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Parent {
    /// The session.
    pub session: SessionId,
    /// The last of its events that the fork knows.
    pub seq: u64,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Its title.
    pub title: String,
    /// Its circle.
    pub circle: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its labels, by the alphabet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether it is shown before others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The path of its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// From where it was forked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// How it is.
    pub state: SessionState,
    /// On whom it waits, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Whose it is: who opened it, or to whom it was handed over.
    pub owner: PrincipalId,
    /// When it was opened.
    pub opened_at_ms: TimestampMs,
    /// Whether a writer is attached over a live link, now.
    pub online: bool,
    /// Messages accepted and not yet delivered.
    pub pending: u64,
    /// What is being said in it and is not complete; only where one session is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Draft>,
    /// The agent program that runs it, as its hooks report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Box<RuntimeView>>,
    /// The agent program that runs it, when that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The model that runs it, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it has used, as far as it was told.
    #[serde(default, skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
}

/// See [`Reply::Sessions`](super::Reply::Sessions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// The page, oldest first.
    pub sessions: Vec<SessionView>,
    /// Give this as `after` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<SessionId>,
}

/// One link of the chain that tells why a session is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Because {
    /// The session that this is about.
    pub session: SessionId,
    /// How many waits lead here; 0 is the session that was asked for.
    pub depth: u32,
    /// What is known, as a sentence.
    pub what: String,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<TimestampMs>,
    /// The number of the event on that session's timeline that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
}

/// See [`Reply::Why`](super::Reply::Why).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// The session.
    pub session: SessionView,
    /// The chain, from the session to the last that it waits on.
    pub because: Vec<Because>,
}
