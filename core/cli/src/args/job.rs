//! The commands about jobs.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use tieline_model::{Address, JobId, job::JobState};

use super::value;

/// `tieline jobs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline jobs add --for review 'Read the diff' 'git diff main...work'
  tieline jobs list
  tieline jobs run -- ./work.sh

What a job is, and what holds when a worker dies: docs/jobs.md.")]
pub struct Jobs {
    /// What to do
    #[command(subcommand)]
    pub verb: JobsVerb,
}

/// One command about jobs.
#[derive(Debug, Subcommand)]
pub enum JobsVerb {
    /// Give a session a job, or a new session that is opened for it
    Add(Box<AddJob>),
    /// List the jobs in reach
    List(ListJobs),
    /// Show one job with its input and its result
    #[command(after_help = "Example:\n  tieline jobs show job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Show(OneJob),
    /// Take the next job that waits for one of your sessions, on a lease
    Take(TakeJob),
    /// Keep a job that was taken for longer
    #[command(after_help = "Example:\n  tieline jobs renew job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f 1 --lease 10m")]
    Renew(RenewJob),
    /// Say that a job is done, and what came of it
    #[command(after_help = "Example:\n  tieline jobs finish job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f 1 'all is well'")]
    Finish(FinishJob),
    /// Say that a job could not be done
    #[command(
        after_help = "Example:\n  tieline jobs fail job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f 1 'no such branch' --give-up"
    )]
    Fail(FailJob),
    /// Withdraw a job that has not ended
    #[command(
        after_help = "Example:\n  tieline jobs cancel job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f 'not needed any more'"
    )]
    Cancel(CancelJob),
    /// Have a job tried again that has ended without being done
    #[command(after_help = "Example:\n  tieline jobs retry job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f --deadline 2h")]
    Retry(RetryJob),
    /// Take jobs one after another and run a command for each
    Run(RunJobs),
}

/// `tieline jobs add`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("whom").required(true),
    after_help = "\
Examples:
  tieline jobs add --for review 'Read the diff' - < diff.txt
  tieline jobs add --new 'nightly build' --backend claude 'Build' 'make all' --deadline 2h --attempts 5
  tieline jobs add --for @deploy 'Deploy' 'v1.2' --after job_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"
)]
pub struct AddJob {
    /// What to call it
    pub title: String,
    /// What is to be done; - reads it from standard input
    pub input: String,
    /// The session that is to do it
    #[arg(long = "for", value_name = "SESSION", group = "whom")]
    pub session: Option<Address>,
    /// The title of a session that is opened for it when a worker takes it
    #[arg(long, value_name = "TITLE", group = "whom")]
    pub new: Option<String>,
    /// What sort of agent should take it, as in claude; any by default
    #[arg(long, conflicts_with = "session")]
    pub backend: Option<String>,
    /// The session to give it as, which is told how it ended; your home by default
    #[arg(long = "as", value_name = "SESSION")]
    pub sender: Option<Address>,
    /// How long there is time for it, as in 2h; without end by default
    #[arg(long, value_name = "SPAN", value_parser = value::span)]
    pub deadline: Option<Duration>,
    /// How often it is tried, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value = "3")]
    pub attempts: u32,
    /// How long it rests after the first attempt; twice as long after each one more
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = value::span)]
    pub pause: Duration,
    /// Rest equally long after each attempt
    #[arg(long)]
    pub steady: bool,
    /// A job that has to be done before; may be given several times
    #[arg(long, value_name = "JOB_ID")]
    pub after: Vec<JobId>,
}

/// `tieline jobs list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tieline jobs list review\n  tieline jobs list --state failed\n  tieline jobs list --all"
)]
pub struct ListJobs {
    /// Only those for this session, or given by it
    pub session: Option<Address>,
    /// Only those in this state
    #[arg(long, value_parser = states())]
    pub state: Option<JobState>,
    /// Those that have ended too
    #[arg(long)]
    pub all: bool,
    /// At most so many, 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
    /// Only those after this one
    #[arg(long, value_name = "JOB_ID")]
    pub after: Option<JobId>,
}

/// Names one job.
#[derive(Debug, Args)]
pub struct OneJob {
    /// Which job
    pub id: JobId,
}

/// Which jobs a worker takes, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Taking {
    /// Only jobs of this session; of all of yours by default
    #[arg(long, value_name = "SESSION")]
    pub session: Option<Address>,
    /// Also jobs for a new session, if they want this sort of agent or any
    #[arg(long)]
    pub backend: Option<String>,
    /// How long each lease is
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = value::span)]
    pub lease: Duration,
}

/// `tieline jobs take`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tieline jobs take\n  tieline jobs take --session review --lease 10m\n  tieline jobs take --backend claude"
)]
pub struct TakeJob {
    /// Only this job
    pub id: Option<JobId>,
    /// Which jobs
    #[command(flatten)]
    pub taking: Taking,
}

/// `tieline jobs renew`.
#[derive(Debug, Args)]
pub struct RenewJob {
    /// Which job
    pub id: JobId,
    /// The number of the lease
    pub lease_number: u64,
    /// How long from now
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = value::span)]
    pub lease: Duration,
}

/// `tieline jobs finish`.
#[derive(Debug, Args)]
pub struct FinishJob {
    /// Which job
    pub id: JobId,
    /// The number of the lease
    pub lease_number: u64,
    /// What came of it; - reads it from standard input
    pub result: Option<String>,
    /// The same for programs, as JSON
    #[arg(long = "data", value_name = "JSON")]
    pub data: Option<String>,
}

/// `tieline jobs fail`.
#[derive(Debug, Args)]
pub struct FailJob {
    /// Which job
    pub id: JobId,
    /// The number of the lease
    pub lease_number: u64,
    /// Why; - reads it from standard input
    pub error: String,
    /// Trying again cannot help
    #[arg(long)]
    pub give_up: bool,
}

/// `tieline jobs cancel`.
#[derive(Debug, Args)]
pub struct CancelJob {
    /// Which job
    pub id: JobId,
    /// Why
    pub reason: Option<String>,
}

/// `tieline jobs retry`.
#[derive(Debug, Args)]
pub struct RetryJob {
    /// Which job
    pub id: JobId,
    /// How long there is time for it now; as long as before by default
    #[arg(long, value_name = "SPAN", value_parser = value::span)]
    pub deadline: Option<Duration>,
}

/// `tieline jobs run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline jobs run -- ./work.sh
  tieline jobs run --session review --once -- sh -c 'review-tool --title \"$TIELINE_JOB_TITLE\"'

The input of the job comes on the command's standard input; what it writes to standard output is the result. It is done
when the command ends with 0, and failed otherwise; with 100 no further attempt is made. The lease is renewed meanwhile.
When it is lost the command is killed. The command finds TIELINE_JOB, TIELINE_JOB_LEASE, TIELINE_JOB_ATTEMPT,
TIELINE_JOB_TITLE and TIELINE_JOB_SESSION in its environment.")]
pub struct RunJobs {
    /// Which jobs
    #[command(flatten)]
    pub taking: Taking,
    /// Stop when no job waits, instead of looking again
    #[arg(long)]
    pub once: bool,
    /// How often to look for a job when none waits
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = value::span)]
    pub every: Duration,
    /// The command with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

fn states() -> impl clap::builder::TypedValueParser<Value = JobState> {
    value::one_of(&["waiting", "queued", "leased", "done", "failed", "expired", "cancelled"])
}
