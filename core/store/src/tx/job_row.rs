//! A job as it is stored.

use diesel::prelude::*;
use tieline_model::{
    JobId, MessageId, PrincipalId, SessionId, TimestampMs,
    command::Executor,
    job::{RetryPolicy, Standing},
};

use crate::{StoreError, rows, rows::unsigned, schema::jobs};

/// A job before it has its row.
#[derive(Debug, Clone)]
pub struct NewJob<'a> {
    /// Its id.
    pub id: JobId,
    /// Whose work it is; `None` until a session was opened for it.
    pub session: Option<SessionId>,
    /// Who is told how it ended.
    pub from: SessionId,
    /// Who gave it.
    pub principal: PrincipalId,
    /// What people call it.
    pub title: &'a str,
    /// What is to be done.
    pub input: &'a str,
    /// The session that is opened for it.
    pub executor: Option<&'a Executor>,
    /// How often it is tried.
    pub retry: &'a RetryPolicy,
    /// How long there is time for it, in milliseconds.
    pub span_ms: Option<u64>,
    /// When it was made.
    pub created_at: TimestampMs,
    /// The rows of the jobs that it needs.
    pub needs: &'a [i64],
}

/// A job as it is stored.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its row.
    pub no: i64,
    /// Its id.
    pub id: JobId,
    /// Whose work it is; `None` until a session was opened for it.
    pub session: Option<SessionId>,
    /// Who is told how it ended.
    pub from: SessionId,
    /// Who gave it.
    pub principal: PrincipalId,
    /// What people call it.
    pub title: String,
    /// What is to be done.
    pub input: String,
    /// The session that is opened for it.
    pub executor: Option<Executor>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// How long there was time for it, in milliseconds.
    pub span_ms: Option<u64>,
    /// When it was made.
    pub created_at: TimestampMs,
    /// How far it has come.
    pub standing: Standing,
    /// Who has the newest lease.
    pub worker: Option<PrincipalId>,
    /// The message by which its session was first told of it.
    pub notified: Option<MessageId>,
    /// What came of it, in words.
    pub result: Option<String>,
    /// The same for programs: JSON.
    pub json: Option<String>,
    /// Why it was not done, or its last attempt came to nothing.
    pub reason: Option<String>,
    /// When it ended.
    pub ended_at: Option<TimestampMs>,
}

/// What a row is made of again; everybody else reads [`JobRow`].
#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub(crate) struct Stored {
    no: i64,
    id: Vec<u8>,
    pub session_no: Option<i64>,
    pub from_no: i64,
    principal: Vec<u8>,
    title: String,
    input: String,
    executor: Option<String>,
    retry: String,
    span_ms: Option<i64>,
    created_at_ms: i64,
    state: i32,
    attempts: i64,
    lease: i64,
    worker: Option<Vec<u8>>,
    leased_until_ms: Option<i64>,
    ready_at_ms: i64,
    deadline_ms: Option<i64>,
    notified: Option<Vec<u8>>,
    result: Option<String>,
    json: Option<String>,
    reason: Option<String>,
    ended_at_ms: Option<i64>,
}

impl Stored {
    pub fn into_row(self, session: Option<SessionId>, from: SessionId) -> Result<JobRow, StoreError> {
        Ok(JobRow {
            no: self.no,
            id: rows::job_id("jobs", &self.id)?,
            session,
            from,
            principal: rows::principal_id("jobs", &self.principal)?,
            title: self.title,
            input: self.input,
            executor: self.executor.map(|text| rows::json("jobs", &text)).transpose()?,
            retry: rows::json("jobs", &self.retry)?,
            span_ms: self.span_ms.map(unsigned),
            created_at: TimestampMs(self.created_at_ms),
            standing: Standing {
                state: rows::job_state(self.state)?,
                attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
                lease: unsigned(self.lease),
                leased_until: self.leased_until_ms.map(TimestampMs),
                ready_at: TimestampMs(self.ready_at_ms),
                deadline: self.deadline_ms.map(TimestampMs),
            },
            worker: self.worker.map(|bytes| rows::principal_id("jobs", &bytes)).transpose()?,
            notified: self.notified.map(|bytes| rows::message_id("jobs", &bytes)).transpose()?,
            result: self.result,
            json: self.json,
            reason: self.reason,
            ended_at: self.ended_at_ms.map(TimestampMs),
        })
    }
}
