//! Being told when another session's agent program has come to rest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Fields of [`Command::IdleWatch`](super::Command::IdleWatch).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdleWatch {
    /// Whose program.
    pub session: Address,
    /// The session that is told; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
}
