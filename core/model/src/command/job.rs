//! Commands about jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Address, JobId,
    job::{JobState, RetryPolicy},
};

/// A session that is opened for a job when a worker first takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Executor {
    /// What the session is called; 1 to 120 characters, not starting with `@`, without `/`.
    pub title: String,
    /// What sort of agent should run it, as in `claude`; only workers that say they are one take it. Any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
}

/// Fields of [`Command::JobCreate`](super::Command::JobCreate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobCreate {
    /// What people call it; 1 to 120 characters.
    pub title: String,
    /// What is to be done.
    pub input: String,
    /// The session that is to do it. Either this or `executor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// A session that is opened for it, in the caller's circle. Either this or `session`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<Executor>,
    /// The session to give it as, which is told how it ended; the caller's home by default.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub sender: Option<Address>,
    /// How long there is time for it, in milliseconds; without end by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_in_ms: Option<u64>,
    /// How often it is tried.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// The jobs that have to be done before; at most 32. It is cancelled when one of them ends otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<JobId>,
}

/// Fields of [`Command::JobTake`](super::Command::JobTake).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTake {
    /// Only a job of this own session; of all of the caller's sessions by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Only this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Also a job for a new session, if it wants this sort of agent or any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// How long the lease is, in milliseconds; 1 second to 24 hours, 5 minutes by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}

/// Fields of [`Command::JobRenew`](super::Command::JobRenew).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRenew {
    /// Which job.
    pub job: JobId,
    /// The number of the lease.
    pub lease: u64,
    /// How long from now, in milliseconds; 1 second to 24 hours, 5 minutes by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}

/// Fields of [`Command::JobFinish`](super::Command::JobFinish). With `error` it could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFinish {
    /// Which job.
    pub job: JobId,
    /// The number of the lease.
    pub lease: u64,
    /// What came of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The same for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Why it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// With `error`: trying again cannot help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub give_up: bool,
}

/// Fields of [`Command::JobCancel`](super::Command::JobCancel).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobCancel {
    /// Which job.
    pub job: JobId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Fields of [`Command::JobRetry`](super::Command::JobRetry).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRetry {
    /// Which job; it has to have failed, expired or been cancelled.
    pub job: JobId,
    /// How long there is time for it now, in milliseconds; as long as before by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_in_ms: Option<u64>,
}

/// Fields of [`Command::JobGet`](super::Command::JobGet).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRef {
    /// Which job.
    pub job: JobId,
}

/// Fields of [`Command::JobList`](super::Command::JobList).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobList {
    /// Only those for this session, or given by it; all in reach by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// Those that have ended too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_ended: bool,
    /// At most so many; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only those after this one, from `next` of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<JobId>,
}
