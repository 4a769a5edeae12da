//! What jobs are and how far they have come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    JobId, PrincipalId, SessionId, TimestampMs,
    command::Executor,
    job::{JobState, RetryPolicy},
};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobView {
    /// Its id.
    pub job: JobId,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub state: JobState,
    /// The session that is to do it; absent until a worker took it, when it is for a new session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The session that is opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<Executor>,
    /// The session that gave it.
    pub from: SessionId,
    /// Who gave it.
    pub by: PrincipalId,
    /// When it was made.
    pub created_at_ms: TimestampMs,
    /// By when it has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<TimestampMs>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// How often it was taken since it was made or retried.
    pub attempts: u32,
    /// The number of the newest lease; 0 before the first.
    pub lease: u64,
    /// Who has it, or had it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<PrincipalId>,
    /// When the lease runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_until_ms: Option<TimestampMs>,
    /// It is not taken before this instant.
    pub ready_at_ms: TimestampMs,
    /// The jobs that it needs; absent in a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<JobId>,
    /// What is to be done; absent in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What came of it, in words; absent in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The same for programs; absent in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Why it was not done, or its last attempt came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ms: Option<TimestampMs>,
}

/// See [`Reply::Jobs`](super::Reply::Jobs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Jobs {
    /// The jobs, oldest first.
    pub jobs: Vec<JobView>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<JobId>,
}

/// See [`Reply::JobTaken`](super::Reply::JobTaken).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobTaken {
    /// The job; absent when none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<JobView>>,
}
