//! Recording what an agent did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Address, TimestampMs,
    event::{Activity, Source},
};

/// Fields of [`Command::Record`](super::Command::Record).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// On whose timeline; the caller's home by default. It has to be the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What, in order; 1 to 500.
    pub activities: Vec<Happened>,
}

/// One activity to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Happened {
    /// When it happened; now by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<TimestampMs>,
    /// What.
    pub what: Activity,
}
