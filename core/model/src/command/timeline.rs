//! Reading timelines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Fields of [`Command::Timeline`](super::Command::Timeline).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Whose, merged in the order of recording; 1 to 20, the caller's home by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Address>,
    /// Only events after this cursor: the page begins there. Not together with `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// Only events before this cursor: the page ends there. Without both it ends with the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// At most so many; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
