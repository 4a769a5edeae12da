//! What came of recording.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SessionId;

/// Where activities are on a timeline now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedView {
    /// On whose timeline.
    pub session: SessionId,
    /// The number of the first; beyond the last when all of them were pieces of something that is not complete.
    pub first_seq: u64,
    /// The number of the last.
    pub last_seq: u64,
}
