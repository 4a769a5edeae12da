//! `tieline jobs`.

mod worker;

use tieline_model::{
    Command, Refusal,
    command::{Executor, JobCancel, JobCreate, JobFinish, JobList, JobRef, JobRenew, JobRetry, JobTake},
    job::RetryPolicy,
    outcome::Code,
};

use super::text::text;
use crate::{
    args::{AddJob, FinishJob, Jobs, JobsVerb, Taking, millis},
    context::Context,
    exit::Failed,
};

/// Runs it.
pub async fn run(context: &Context, args: Jobs) -> Result<(), Failed> {
    let command = match args.verb {
        JobsVerb::Add(args) => Command::JobCreate(create(*args)?),
        JobsVerb::List(args) => Command::JobList(JobList {
            session: args.session,
            state: args.state,
            include_ended: args.all,
            limit: args.limit,
            after: args.after,
        }),
        JobsVerb::Show(args) => Command::JobGet(JobRef { job: args.id }),
        JobsVerb::Take(args) => Command::JobTake(JobTake { job: args.id, ..take(&args.taking) }),
        JobsVerb::Renew(args) => {
            Command::JobRenew(JobRenew { job: args.id, lease: args.lease_number, lease_ms: Some(millis(args.lease)) })
        }
        JobsVerb::Finish(args) => Command::JobFinish(finish(args)?),
        JobsVerb::Fail(args) => Command::JobFinish(JobFinish {
            job: args.id,
            lease: args.lease_number,
            result: None,
            json: None,
            error: Some(text(args.error)?),
            give_up: args.give_up,
        }),
        JobsVerb::Cancel(args) => Command::JobCancel(JobCancel { job: args.id, reason: args.reason }),
        JobsVerb::Retry(args) => {
            Command::JobRetry(JobRetry { job: args.id, deadline_in_ms: args.deadline.map(millis) })
        }
        JobsVerb::Run(args) => return worker::run(context, args).await,
    };
    context.out.reply(&context.call(&command).await?)
}

fn create(args: AddJob) -> Result<JobCreate, Failed> {
    Ok(JobCreate {
        title: args.title,
        input: text(args.input)?,
        session: args.session,
        executor: args.new.map(|title| Executor { title, backend: args.backend }),
        sender: args.sender,
        deadline_in_ms: args.deadline.map(millis),
        retry: RetryPolicy { max_attempts: args.attempts, delay_ms: millis(args.pause), doubles: !args.steady },
        after: args.after,
    })
}

fn take(taking: &Taking) -> JobTake {
    JobTake {
        session: taking.session.clone(),
        job: None,
        backend: taking.backend.clone(),
        lease_ms: Some(millis(taking.lease)),
    }
}

fn finish(args: FinishJob) -> Result<JobFinish, Failed> {
    let parse = |json: String| {
        let wrong = |error| Refusal::new(Code::BadInput, format!("`--data` is no JSON: {error}")).at("job_finish.json");
        serde_json::from_str(&json).map_err(|error| Failed::Refused(wrong(error)))
    };
    Ok(JobFinish {
        job: args.id,
        lease: args.lease_number,
        result: args.result.map(text).transpose()?,
        json: args.data.map(parse).transpose()?,
        error: None,
        give_up: false,
    })
}
