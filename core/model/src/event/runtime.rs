//! What became of the agent program of a session, and of waking it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MessageId, PrincipalId, runtime::ProcessId};

/// The agent program of a session has come, or is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeStarted {
    /// Which program, as in `claude`.
    pub agent: String,
    /// Its own id of the session.
    pub native: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Who reported it.
    pub by: PrincipalId,
}

/// What became of handing messages to an agent program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeHanded {
    /// They were handed to a hook.
    Out {
        /// Which.
        messages: Vec<MessageId>,
        /// The hook.
        hook: String,
    },
    /// They are not in the program's record, and will be handed out again.
    Missing {
        /// Which.
        messages: Vec<MessageId>,
        /// How often in a row that happened.
        missed: u32,
    },
}

/// What became of waking an agent program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeWoken {
    /// A transport was asked to wake it.
    Asked {
        /// Which.
        by: String,
        /// The request.
        request: MessageId,
    },
    /// Its own plugin was told that mail waits.
    Told {
        /// Which way that is: `listener`.
        by: String,
    },
    /// It did not work.
    Failed {
        /// Which transport was asked, or `listener`.
        by: String,
        /// Why.
        reason: String,
    },
    /// A turn has begun while a transport was asked for one.
    Began {
        /// Which.
        by: String,
        /// The better transports, which could not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        instead_of: Vec<String>,
    },
    /// Nothing can wake it now: what waits for it waits for its next turn.
    GaveUp {
        /// Why.
        reason: String,
    },
}

/// What became of starting or ending an agent program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeOrdered {
    /// A transport was asked to do it.
    Asked {
        /// Which.
        by: String,
        /// What, in words.
        what: String,
        /// By which profile.
        profile: String,
        /// The request.
        request: MessageId,
        /// Who wanted it.
        principal: PrincipalId,
    },
    /// It did not work.
    Failed {
        /// Why.
        reason: String,
    },
}
