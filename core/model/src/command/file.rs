//! Leases on files: announcing what a session is about to change, so that others keep away from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Address;

/// Fields of [`Command::FileLease`](super::Command::FileLease).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLease {
    /// Files, absolute or relative to the project of the session; one that ends with `/` is a folder with all in it. 1 to 100.
    pub paths: Vec<String>,
    /// For how long, in milliseconds; 30 minutes by default, 1 second to 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// What for, shown to others; at most 500 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The session that changes them; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
}

/// Fields of [`Command::FileRelease`](super::Command::FileRelease).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRelease {
    /// Which, as they were leased; all of the session's when there are none. At most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Whose; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
}

/// Fields of [`Command::FileLeases`](super::Command::FileLeases).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLeases {
    /// Of this circle; the caller's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
}
