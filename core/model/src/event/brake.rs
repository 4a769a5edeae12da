//! The brakes that hold a message back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which brake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Brake {
    /// Too many messages led to it, each referring to the one before.
    Hops,
    /// Too many messages from one session to another.
    PairRate,
    /// The same words were sent just now.
    Duplicate,
    /// Thanks for thanks.
    AcknowledgementOnly,
    /// The budget of the session, or of one that it was forked from, is used up.
    Budget,
}

impl Brake {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Brake::Hops => "hops",
            Brake::PairRate => "pair_rate",
            Brake::Duplicate => "duplicate",
            Brake::AcknowledgementOnly => "acknowledgement_only",
            Brake::Budget => "budget",
        }
    }
}
