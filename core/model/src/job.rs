//! The life of a job: a durable piece of work that one worker at a time has on lease.
//!
//! Every lease has a number that never comes again. What is said under an older number is refused, so that a worker that
//! was slow, or thought dead, cannot undo what its successor did. The first end is the end; only a retry begins anew.

mod retry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TimestampMs;

pub use retry::RetryPolicy;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum JobState {
    /// Waits for other jobs to be done.
    Waiting,
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Leased,
    /// It was done, and has a result.
    Done,
    /// It was tried as often as it may be, or cannot be done.
    Failed,
    /// Its deadline passed.
    Expired,
    /// Somebody withdrew it, or a job that it needs ended without being done.
    Cancelled,
}

impl JobState {
    /// All states, in the order under which the store numbers them: those that go on before those that ended.
    pub const ALL: [JobState; 7] =
        [Self::Waiting, Self::Queued, Self::Leased, Self::Done, Self::Failed, Self::Expired, Self::Cancelled];

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Queued => "queued",
            JobState::Leased => "leased",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Expired => "expired",
            JobState::Cancelled => "cancelled",
        }
    }

    /// Reads back what [`Self::as_str`] gave.
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Tells whether it has ended.
    pub const fn has_ended(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Expired | JobState::Cancelled)
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub state: JobState,
    /// How often it was taken since it was made or retried.
    pub attempts: u32,
    /// The number of the newest lease; 0 before the first.
    pub lease: u64,
    /// When that lease runs out, while it is on.
    pub leased_until: Option<TimestampMs>,
    /// Not taken before this instant.
    pub ready_at: TimestampMs,
    /// Has to be done by this instant.
    pub deadline: Option<TimestampMs>,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Every job that it needs is done.
    Unblocked,
    /// A worker takes it until an instant.
    Take {
        /// Until when.
        until: TimestampMs,
    },
    /// The worker goes on until an instant.
    Renew {
        /// Under which lease.
        lease: u64,
        /// Until when.
        until: TimestampMs,
    },
    /// The worker has done it.
    Finish {
        /// Under which lease.
        lease: u64,
    },
    /// The worker could not do it.
    Fail {
        /// Under which lease.
        lease: u64,
        /// Whether trying again may help.
        is_retryable: bool,
    },
    /// Somebody withdraws it.
    Cancel,
    /// Somebody wants it to be tried again.
    Retry {
        /// Whether it has to wait for other jobs.
        is_blocked: bool,
        /// By when it has to be done now.
        deadline: Option<TimestampMs>,
    },
    /// Time has passed.
    Tick,
}

/// What came of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It stands as it did.
    Same,
    /// It stands so now.
    To(Standing),
}

/// Why an input is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is in a state that does not allow it.
    #[error("it is {}", .0.as_str())]
    State(JobState),
    /// Another lease followed, or this one ran out.
    #[error("lease {given} is over; the newest is {newest}, and it is {}", .state.as_str())]
    OldLease {
        /// What the worker named.
        given: u64,
        /// The newest.
        newest: u64,
        /// Where it stands.
        state: JobState,
    },
    /// It is tried again later.
    #[error("it is tried again only at {}", .0.0)]
    NotReady(TimestampMs),
}

impl Standing {
    /// A new job.
    pub fn new(is_blocked: bool, now: TimestampMs, deadline: Option<TimestampMs>) -> Self {
        let state = if is_blocked { JobState::Waiting } else { JobState::Queued };
        Self { state, attempts: 0, lease: 0, leased_until: None, ready_at: now, deadline }
    }

    /// Returns when somebody has to look at it.
    pub fn due(&self) -> Option<TimestampMs> {
        if self.state.has_ended() {
            return None;
        }
        self.deadline.into_iter().chain(self.leased_until).min()
    }

    /// Decides what an input makes of it.
    pub fn step(&self, policy: &RetryPolicy, input: Input, now: TimestampMs) -> Result<Step, Refused> {
        // What time has done comes before what is asked: a worker cannot finish under a lease that ran out.
        if let Step::To(later) = self.tick(policy, now) {
            return match input {
                Input::Tick => Ok(Step::To(later)),
                _ => later.step(policy, input, now),
            };
        }
        match input {
            Input::Tick => Ok(Step::Same),
            Input::Unblocked => Ok(match self.state {
                JobState::Waiting => Step::To(Self { state: JobState::Queued, ready_at: now, ..*self }),
                _ => Step::Same,
            }),
            Input::Take { until } => match self.state {
                JobState::Queued if self.ready_at > now => Err(Refused::NotReady(self.ready_at)),
                JobState::Queued => Ok(Step::To(Self {
                    state: JobState::Leased,
                    attempts: self.attempts.saturating_add(1),
                    lease: self.lease + 1,
                    leased_until: Some(until),
                    ..*self
                })),
                state => Err(Refused::State(state)),
            },
            Input::Renew { lease, until } => {
                self.check_lease(lease)?;
                Ok(Step::To(Self { leased_until: self.leased_until.max(Some(until)), ..*self }))
            }
            Input::Finish { lease } => {
                self.check_lease(lease)?;
                Ok(Step::To(self.ended(JobState::Done)))
            }
            Input::Fail { lease, is_retryable } => {
                self.check_lease(lease)?;
                Ok(Step::To(if is_retryable { self.tried(policy, now) } else { self.ended(JobState::Failed) }))
            }
            Input::Cancel if self.state.has_ended() => Err(Refused::State(self.state)),
            Input::Cancel => Ok(Step::To(self.ended(JobState::Cancelled))),
            Input::Retry { is_blocked, deadline } => match self.state {
                JobState::Failed | JobState::Expired | JobState::Cancelled => {
                    Ok(Step::To(Self { lease: self.lease, ..Self::new(is_blocked, now, deadline) }))
                }
                state => Err(Refused::State(state)),
            },
        }
    }

    fn tick(&self, policy: &RetryPolicy, now: TimestampMs) -> Step {
        if self.state.has_ended() {
            return Step::Same;
        }
        if self.deadline.is_some_and(|at| at <= now) {
            return Step::To(self.ended(JobState::Expired));
        }
        if let Some(at) = self.leased_until.filter(|at| *at <= now) {
            // The rest begins when the lease ran out, whenever that is noticed.
            return Step::To(self.tried(policy, at));
        }
        Step::Same
    }

    /// An attempt came to nothing: another follows after a pause, or none is left.
    fn tried(&self, policy: &RetryPolicy, now: TimestampMs) -> Self {
        if self.attempts >= policy.max_attempts {
            return self.ended(JobState::Failed);
        }
        let ready_at = now.plus_ms(policy.pause_ms(self.attempts));
        Self { state: JobState::Queued, leased_until: None, ready_at, ..*self }
    }

    fn ended(&self, state: JobState) -> Self {
        Self { state, leased_until: None, ..*self }
    }

    fn check_lease(&self, given: u64) -> Result<(), Refused> {
        if self.state == JobState::Leased && given == self.lease {
            return Ok(());
        }
        Err(Refused::OldLease { given, newest: self.lease, state: self.state })
    }
}

#[cfg(test)]
mod tests;
