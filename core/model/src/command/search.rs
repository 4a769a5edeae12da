//! Finding events by their words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Address, TimestampMs};

/// Fields of [`Command::Search`](super::Command::Search). Everything that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Words, "phrases", beginnings*, -exclusions, and `session:` `circle:` `kind:` `author:` `after:` `before:` `has:` `is:`;
    /// at most 1,000 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Only on these timelines; any in reach by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Address>,
    /// Only in this circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Only events of these kinds, as in `said`, or messages of these, as in `ask`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Only the doing of this principal, or of a role in a chat: `user`, `assistant`, `reasoning`, `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<TimestampMs>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ms: Option<TimestampMs>,
    /// At most so many; 1 to 100, 20 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where it goes on, from `next` of the last page of the same search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Fields of [`Command::Recall`](super::Command::Recall).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Words, "phrases", beginnings*, -exclusions, and filters: session: circle: kind: author: after:7d before:2026-11-20
    /// has:approval is:open
    pub query: String,
    /// How long the answer may be; 100 to 8,000, 1,500 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u32>,
}
