//! What comes back: a reply, a refusal (the caller can fix it) or a fault (ours to fix).
//!
//! [`Code`] is the one table that maps a refusal to an HTTP status and an exit code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FaultId, Reply};

/// What came back of a command.
pub type Outcome = Result<Reply, Failure>;

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The caller can fix it. Nothing was stored.
    Refusal(Refusal),
    /// We have to fix it. What was stored is not known to the caller; the same idempotency key finds out.
    Fault(Fault),
}

impl Failure {
    /// Returns the sentence for people.
    pub fn into_message(self) -> String {
        match self {
            Failure::Refusal(refusal) => refusal.message,
            Failure::Fault(fault) => fault.message,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refusal(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Fault(fault)
    }
}

/// A command that was not carried out, and what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The case, for programs.
    pub code: Code,
    /// The case, for people: what was found and what was wanted.
    pub message: String,
    /// The path of the field at fault, as in `notify.to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the caller may have meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// When it is worth trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Makes a refusal of `code` with a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, candidates: Vec::new(), retry_after_ms: None }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Lists what the caller may have meant, at most twenty.
    #[must_use]
    pub fn with_candidates(mut self, candidates: impl IntoIterator<Item = String>) -> Self {
        self.candidates = candidates.into_iter().take(20).collect();
        self
    }

    /// Says when it is worth trying again.
    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

/// Something of ours went wrong; the log has the rest under the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// Where to find it in the log.
    pub id: FaultId,
    /// A sentence that gives nothing away.
    pub message: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $http:literal, $exit:literal;)*) => {
        /// The case of a refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// All codes, in the order of the published table.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// Returns the text form.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text),* }
            }

            /// Returns the HTTP status.
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$variant => $http),* }
            }

            /// Returns the exit code of the CLI.
            pub const fn exit_code(self) -> u8 {
                match self { $(Code::$variant => $exit),* }
            }
        }
    };
}

codes! {
    /// The input is not a command: malformed, unknown field, wrong type, out of range.
    BadInput = "bad_input", 400, 2;
    /// No valid token.
    Unauthenticated = "unauthenticated", 401, 3;
    /// The token does not allow it.
    Forbidden = "forbidden", 403, 4;
    /// The session named in `as` is not the caller's.
    NotYourSession = "not_your_session", 403, 4;
    /// No session of that name in reach.
    UnknownSession = "unknown_session", 404, 5;
    /// No message of that id in reach.
    UnknownMessage = "unknown_message", 404, 5;
    /// No token of that id.
    UnknownToken = "unknown_token", 404, 5;
    /// No schedule of that id in reach.
    UnknownSchedule = "unknown_schedule", 404, 5;
    /// No job of that id in reach.
    UnknownJob = "unknown_job", 404, 5;
    /// No proposal of that id in reach.
    UnknownProposal = "unknown_proposal", 404, 5;
    /// Several sessions have that name.
    AmbiguousSession = "ambiguous_session", 409, 6;
    /// The session is closed.
    SessionClosed = "session_closed", 409, 6;
    /// The ask is closed already.
    AskClosed = "ask_closed", 409, 6;
    /// What is to be removed is needed: an ask is open, or a message waits to be delivered.
    StillNeeded = "still_needed", 409, 6;
    /// What it was about was purged: the session, or what a command was answered before.
    Purged = "purged", 410, 5;
    /// Only the session that was asked may answer.
    NotAddressee = "not_addressee", 403, 4;
    /// The message was delivered already and cannot be withdrawn.
    TooLate = "too_late", 409, 6;
    /// Another principal writes for the session.
    WriterHeld = "writer_held", 409, 6;
    /// The link or the lease that speaks was followed by a newer one, or is over.
    Fenced = "fenced", 409, 6;
    /// The session is not attached, and the command needs it.
    NotAttached = "not_attached", 409, 6;
    /// The same idempotency key was used for another command.
    IdempotencyConflict = "idempotency_conflict", 409, 6;
    /// The receiver's cursor is beyond the daemon's log: the log was restored or damaged.
    CursorBeyondHead = "cursor_beyond_head", 409, 6;
    /// Larger than the limit.
    TooLarge = "too_large", 413, 2;
    /// The inbox, or the number of open asks, is at its limit.
    Quota = "quota", 429, 7;
    /// Too many commands in too short a time.
    RateLimited = "rate_limited", 429, 7;
    /// A brake holds: the same words again, thanks for thanks, a chain that is too long, a budget that is used up.
    Braked = "braked", 409, 6;
    /// A queue is full; nothing was stored.
    Busy = "busy", 503, 7;
    /// The daemon is shutting down.
    Draining = "draining", 503, 7;
    /// The disk is full.
    StorageFull = "storage_full", 507, 7;
    /// No plugin of that name, and no file.
    UnknownPlugin = "unknown_plugin", 404, 5;
    /// Several files hold a plugin of that name.
    AmbiguousPlugin = "ambiguous_plugin", 409, 6;
    /// The plugin's file is not the one that was to be trusted.
    WrongHash = "wrong_hash", 409, 6;
    /// The plugin cannot do that as things stand.
    PluginState = "plugin_state", 409, 6;
    /// No transport of that name is running.
    UnknownPath = "unknown_path", 404, 5;
    /// The transport that was to answer does not run, or was stopped before it did.
    TransportGone = "transport_gone", 503, 7;
    /// The transport gave an answer that cannot be passed on.
    TransportError = "transport_error", 502, 7;
    /// The transport did not answer in time.
    TransportTimeout = "transport_timeout", 504, 7;
}

/// The exit code of a command that ended in a fault, and its HTTP status.
pub const FAULT: (u16, u8) = (500, 70);

/// The JSON form of an outcome: `{"ok":…}`, `{"refusal":…}` or `{"fault":…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "it lives for one serialization; a box would only move the cost")]
pub enum OutcomeJson {
    /// The reply.
    Ok(Reply),
    /// The refusal.
    Refusal(Refusal),
    /// The fault.
    Fault(Fault),
}

impl From<Outcome> for OutcomeJson {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(reply) => OutcomeJson::Ok(reply),
            Err(Failure::Refusal(refusal)) => OutcomeJson::Refusal(refusal),
            Err(Failure::Fault(fault)) => OutcomeJson::Fault(fault),
        }
    }
}

impl From<OutcomeJson> for Outcome {
    fn from(json: OutcomeJson) -> Self {
        match json {
            OutcomeJson::Ok(reply) => Ok(reply),
            OutcomeJson::Refusal(refusal) => Err(refusal.into()),
            OutcomeJson::Fault(fault) => Err(fault.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_code_is_its_json() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
