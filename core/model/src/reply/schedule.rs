//! What schedules are and what became of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Command, PrincipalId, ScheduleId, SessionId, TimestampMs,
    schedule::{Plan, RunOutcome, State},
};

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleView {
    /// Its id; absent for one that was not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleId>,
    /// The session that it belongs to.
    pub session: SessionId,
    /// Who made it, and on whose behalf the command is given.
    pub by: PrincipalId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The command.
    pub command: Box<Command>,
    /// Its instants, limits and policies.
    pub plan: Plan,
    /// What was understood of the time, in words.
    pub words: String,
    /// Whether it goes on.
    pub state: State,
    /// Why it does not, when it was not asked to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at_ms: TimestampMs,
    /// How many instants were carried out or refused.
    pub runs: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// The instant that is held back until an ask is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<TimestampMs>,
    /// The next instants, at most five; in a list the first of them.
    pub next: Vec<Upcoming>,
}

/// An instant to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upcoming {
    /// The instant.
    pub at_ms: TimestampMs,
    /// What the clocks of the schedule's zone show then.
    pub local: String,
}

/// See [`Reply::Schedules`](super::Reply::Schedules).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedules {
    /// The schedules, oldest first.
    pub schedules: Vec<ScheduleView>,
    /// Where the next page begins, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ScheduleId>,
}

/// What became of one instant of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRunView {
    /// The instant that was meant.
    pub nominal_ms: TimestampMs,
    /// When the daemon acted.
    pub at_ms: TimestampMs,
    /// The difference, in milliseconds; never negative.
    pub late_ms: u64,
    /// It was run by hand, out of turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// What became of it.
    pub outcome: RunOutcome,
}

/// See [`Reply::ScheduleRuns`](super::Reply::ScheduleRuns).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRuns {
    /// Which schedule.
    pub schedule: ScheduleId,
    /// The runs, newest first.
    pub runs: Vec<ScheduleRunView>,
    /// Whether there are older ones.
    pub has_more: bool,
}
