//! Jobs in a world: given, taken, finished, and how they stand.

use std::sync::Arc;

use tieline_model::{
    Command, JobId, Outcome, Principal,
    command::{JobCreate, JobFinish, JobRef, JobTake},
    job::{JobState, RetryPolicy},
    reply::{JobView, Reply},
};

use crate::{World, address, outcome::Outcomes};

/// A job for a session with everything as usual.
pub fn job(session: &str, title: &str) -> JobCreate {
    JobCreate {
        title: title.to_owned(),
        input: format!("the input of {title}"),
        session: Some(address(session)),
        executor: None,
        sender: None,
        deadline_in_ms: None,
        retry: RetryPolicy::default(),
        after: Vec::new(),
    }
}

/// Says that a job is done.
pub fn done(job: JobId, lease: u64, result: &str) -> Command {
    let result = Some(result.to_owned());
    Command::JobFinish(JobFinish { job, lease, result, json: None, error: None, give_up: false })
}

/// Says that a job could not be done.
pub fn failed(job: JobId, lease: u64, error: &str, give_up: bool) -> Command {
    Command::JobFinish(JobFinish { job, lease, result: None, json: None, error: Some(error.to_owned()), give_up })
}

impl World {
    /// Gives a job.
    pub async fn job(&self, by: &Arc<Principal>, create: JobCreate) -> JobView {
        one(self.call(by, Command::JobCreate(create)).await)
    }

    /// Takes the next job that waits.
    pub async fn take(&self, by: &Arc<Principal>, take: JobTake) -> Option<JobView> {
        match self.call(by, Command::JobTake(take)).await.reply() {
            Reply::JobTaken(taken) => taken.job.map(|job| *job),
            other => panic!("wanted a job, found {other:?}"),
        }
    }

    /// Shows a job.
    pub async fn job_now(&self, by: &Arc<Principal>, job: JobId) -> JobView {
        one(self.call(by, Command::JobGet(JobRef { job })).await)
    }

    /// Tells where a job stands.
    pub async fn job_state(&self, by: &Arc<Principal>, job: JobId) -> JobState {
        self.job_now(by, job).await.state
    }
}

fn one(outcome: Outcome) -> JobView {
    match outcome.reply() {
        Reply::Job(view) => *view,
        other => panic!("wanted a job, found {other:?}"),
    }
}
