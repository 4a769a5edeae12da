//! Leases on files, as they are shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, TimestampMs};

/// One lease on a file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileLeaseView {
    /// The absolute path; a folder ends with `/`.
    pub path: String,
    /// Who has it.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// Since when.
    pub since_ms: TimestampMs,
    /// Until when.
    pub until_ms: TimestampMs,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// See [`Reply::FileLeased`](super::Reply::FileLeased).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileLeased {
    /// What the session has on lease now of what it asked for.
    pub leases: Vec<FileLeaseView>,
    /// Leases of others that overlap: nothing keeps either from writing, so talk to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<FileLeaseView>,
}

/// See [`Reply::FileReleased`](super::Reply::FileReleased).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileReleased {
    /// Which, of those that were on lease.
    pub paths: Vec<String>,
}

/// See [`Reply::FileLeases`](super::Reply::FileLeases).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileLeases {
    /// Those that hold now, by path; at most 500.
    pub leases: Vec<FileLeaseView>,
    /// Whether there are more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_more: bool,
}
