//! `tieline jobs run`: a worker that runs a command for each job.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tieline_model::{
    Command, Reply,
    command::{JobFinish, JobRenew},
    reply::JobView,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Child,
};

use super::take;
use crate::{
    args::{RunJobs, millis},
    context::Context,
    exit::Failed,
    render::line,
};

/// The exit status by which a command says that no further attempt can help.
const GIVE_UP: i32 = 100;
/// How much of what a command writes is its result, in bytes; the daemon takes no more.
const RESULT_BYTES: u64 = 256 * 1024;
/// A lease is renewed at least so often, so that a job that was withdrawn is noticed.
const LONGEST_RENEWAL: Duration = Duration::from_secs(10);

/// How a command ended.
enum Ended {
    /// By itself, with what it wrote.
    Itself(ExitStatus, String),
    /// The lease was lost, and it was killed.
    Killed(Failed),
}

/// Takes jobs until there is none, or for ever.
pub async fn run(context: &Context, args: RunJobs) -> Result<(), Failed> {
    loop {
        let taken = context.call(&Command::JobTake(take(&args.taking))).await?;
        let Reply::JobTaken(taken) = taken else { return Err(Failed::Input("the daemon gave no job".into())) };
        match taken.job {
            Some(job) => one(context, &args, &job).await?,
            None if args.once => return Ok(()),
            None => tokio::time::sleep(args.every).await,
        }
    }
}

/// Runs the command for one job and says what came of it.
async fn one(context: &Context, args: &RunJobs, job: &JobView) -> Result<(), Failed> {
    say(context, job, "taken")?;
    let outcome = match start(args, job) {
        Ok(child) => attend(context, args, job, child).await?,
        Err(error) => {
            return finish(context, job, None, Some(format!("the command cannot be started: {error}")), false).await;
        }
    };
    match outcome {
        Ended::Itself(status, output) => {
            let error = (!status.success()).then(|| format!("the command ended with {status}"));
            finish(context, job, Some(output), error, status.code() == Some(GIVE_UP)).await
        }
        Ended::Killed(why) => say(context, job, &format!("the command was killed: {why}")),
    }
}

fn start(args: &RunJobs, job: &JobView) -> std::io::Result<Child> {
    let (program, rest) = args.command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(rest)
        .env("TIELINE_JOB", job.job.to_string())
        .env("TIELINE_JOB_LEASE", job.lease.to_string())
        .env("TIELINE_JOB_ATTEMPT", job.attempts.to_string())
        .env("TIELINE_JOB_TITLE", &job.title)
        .env("TIELINE_JOB_SESSION", job.session.map(|id| id.to_string()).unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command.spawn()
}

/// Feeds a command, reads what it writes and renews the lease until it ends.
async fn attend(context: &Context, args: &RunJobs, job: &JobView, mut child: Child) -> Result<Ended, Failed> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, &job.input) {
            // A command need not read its input.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let read = async {
        match stdout {
            Some(stdout) => output(stdout).await,
            None => Ok(String::new()),
        }
    };
    let work = async {
        let ((), output) = tokio::join!(feed, read);
        Ok::<_, std::io::Error>(Ended::Itself(child.wait().await?, output?))
    };
    tokio::select! {
        ended = work => Ok(ended?),
        why = keep(context, args, job) => Ok(Ended::Killed(why)),
    }
}

/// Renews the lease until that is refused.
async fn keep(context: &Context, args: &RunJobs, job: &JobView) -> Failed {
    let renew =
        Command::JobRenew(JobRenew { job: job.job, lease: job.lease, lease_ms: Some(millis(args.taking.lease)) });
    loop {
        tokio::time::sleep((args.taking.lease / 3).min(LONGEST_RENEWAL)).await;
        // A daemon that is away for a while does not end the work: the lease does, if it runs out.
        if let Err(refused @ Failed::Refused(_)) = context.call(&renew).await {
            return refused;
        }
    }
}

async fn output(mut from: impl AsyncRead + Unpin) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    (&mut from).take(RESULT_BYTES).read_to_end(&mut bytes).await?;
    // A command that cannot write would not end.
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    let mut text = tieline_model::text::printable(&String::from_utf8_lossy(&bytes));
    while text.len() as u64 > RESULT_BYTES {
        text.pop();
    }
    Ok(text)
}

async fn finish(
    context: &Context,
    job: &JobView,
    result: Option<String>,
    error: Option<String>,
    give_up: bool,
) -> Result<(), Failed> {
    let how = if error.is_some() { "failed" } else { "done" };
    let result = result.map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty());
    let finish = JobFinish { job: job.job, lease: job.lease, result, json: None, error, give_up };
    match context.call(&Command::JobFinish(finish)).await {
        Ok(_) => say(context, job, how),
        // It has ended otherwise meanwhile; the next job does not suffer from that.
        Err(Failed::Refused(refusal)) => say(context, job, &format!("not taken: {}", refusal.message)),
        Err(failed) => Err(failed),
    }
}

fn say(context: &Context, job: &JobView, what: &str) -> Result<(), Failed> {
    if context.out.json {
        return context.out.json(&serde_json::json!({ "job": job.job, "lease": job.lease, "worker": what }));
    }
    context.out.text(&format!("{} `{}`: {}", job.job, line(&job.title), line(what)))
}
