//! Sorting, handing over, putting away and forking sessions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Fields of [`Command::SessionLabel`](super::Command::SessionLabel).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionLabel {
    /// Which session.
    pub session: Address,
    /// Labels that it gets; 1 to 64 characters each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Labels that it loses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// Fields of [`Command::SessionPin`](super::Command::SessionPin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPin {
    /// Which session.
    pub session: Address,
    /// Whether it is shown before others from now on.
    pub pinned: bool,
}

/// Fields of [`Command::SessionMove`](super::Command::SessionMove).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionMove {
    /// Which session.
    pub session: Address,
    /// Its circle from now on.
    pub circle: String,
}

/// Fields of [`Command::SessionHandOver`](super::Command::SessionHandOver).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionHandOver {
    /// Which session; not the home of a principal.
    pub session: Address,
    /// To whom: the home session of the principal that may write for it from now on.
    pub to: Address,
}

/// Fields of [`Command::SessionBudget`](super::Command::SessionBudget); what is absent is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionBudget {
    /// Which session; its forks use of the same budget.
    pub session: Address,
    /// Tokens, read and written together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
}

/// Fields of [`Command::SessionFork`](super::Command::SessionFork).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionFork {
    /// From which session.
    pub session: Address,
    /// What people call the new one.
    pub title: String,
    /// The last event of the parent that the fork knows; its newest by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// Fields of [`Command::SessionMerge`](super::Command::SessionMerge).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionMerge {
    /// Which session ends in another: one's own.
    pub session: Address,
    /// In which; the one that it was forked from by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<Address>,
    /// What came of it. The other session gets it as a message.
    pub note: String,
    /// Whether it is put away then.
    #[serde(default)]
    pub archive: bool,
}
