//! What waits for a person, and how messages refer to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Message, MessageId, ProposalId, SessionId, TimestampMs, ask::AskState, command::Urgency};

/// See [`Reply::Needs`](super::Reply::Needs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Needs {
    /// What waits, newest first.
    pub needs: Vec<NeedView>,
}

/// Something that waits for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedView {
    /// What.
    pub what: Needed,
    /// Who waits for it; absent for a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// That session's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Since when, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<TimestampMs>,
}

/// What somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// An answer.
    Answer {
        /// To which ask.
        ask: MessageId,
        /// Of which session of the caller.
        of: SessionId,
        /// The question.
        text: String,
        /// The ask that it was escalated from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalated_from: Option<MessageId>,
        /// When it runs out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<TimestampMs>,
    },
    /// That something is allowed or denied.
    Approval {
        /// The approval, as its runtime calls it.
        approval: String,
        /// What is to be allowed.
        subject: String,
        /// The number of the event.
        seq: u64,
    },
    /// That a proposed change of a session's memory is allowed or refused.
    Memory {
        /// The proposal.
        proposal: ProposalId,
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// That a plugin is looked after.
    Plugin {
        /// Its name.
        name: String,
        /// Its state.
        state: String,
        /// What can be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        advice: Option<String>,
    },
}

/// See [`Reply::Thread`](super::Reply::Thread).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Thread {
    /// The messages, each after the one that it refers to.
    pub messages: Vec<ThreadMessage>,
    /// True when there are more than are shown.
    pub has_more: bool,
}

/// One message of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadMessage {
    /// How many messages it is from the first one.
    pub depth: u32,
    /// The message.
    pub message: Message,
    /// For an ask, where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskState>,
}

/// How urgent a message was meant to be, and how urgent its receiver can take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UrgencyView {
    /// What its sender wants.
    pub asked: Urgency,
    /// What it gets; absent while no writer is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Urgency>,
    /// Why that is not what its sender wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl UrgencyView {
    /// Compares what is wanted with what the writer's runtime `can` do at the most.
    pub fn new(asked: Urgency, can: Option<Urgency>) -> Self {
        let (given, reason) = match can {
            None => (None, Some("no writer is attached; the one that comes decides".to_owned())),
            Some(can) if can >= asked => (Some(asked), None),
            Some(can) => (Some(can), Some(format!("the runtime of its writer can do `{}` at the most", can.as_str()))),
        };
        Self { asked, given, reason }
    }
}
