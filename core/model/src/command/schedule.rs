//! Commands that are given again later, by themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Command;
use crate::{
    Address, ScheduleId, TimestampMs,
    schedule::{Misfire, Overlap},
};

/// Fields of [`Command::ScheduleCreate`](super::Command::ScheduleCreate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleCreate {
    /// When, as in `in 10m`, `at 14:30`, `every 15m`, `weekdays 09:00 Europe/Berlin`, an instant of RFC 3339 or a cron
    /// expression of 5 or 6 fields.
    pub when: String,
    /// The command. The title `self` in it means the session that the schedule belongs to.
    pub command: Box<Command>,
    /// The session that it belongs to; the caller's home by default. It has to be the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// What people call it; at most 120 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The IANA time zone of `when` and `until`; the daemon's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// No instant after this one, written as for `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// At most so many are carried out; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u64>,
    /// What becomes of instants at which the daemon could do nothing.
    #[serde(default)]
    pub misfire: Misfire,
    /// How far back missed instants are looked at, in milliseconds; 24 hours by default, 7 days for a single instant,
    /// 31 days at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up_ms: Option<u64>,
    /// What becomes of an instant while the ask of an earlier one is open.
    #[serde(default)]
    pub overlap: Overlap,
    /// Only answer what it would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Names one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRef {
    /// Which schedule.
    pub schedule: ScheduleId,
}

/// Fields of [`Command::ScheduleList`](super::Command::ScheduleList).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleList {
    /// Only those of this session; all in reach by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Address>,
    /// Those that have ended too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_done: bool,
    /// At most so many; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only those after this one, from `next` of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ScheduleId>,
}

/// Fields of [`Command::ScheduleHistory`](super::Command::ScheduleHistory).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleHistory {
    /// Which schedule.
    pub schedule: ScheduleId,
    /// Only instants before this one; the newest by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_ms: Option<TimestampMs>,
    /// At most so many; 1 to 500, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl Command {
    /// Tells whether a schedule may give it: it writes, it needs no link or lease, and its answer holds no secret.
    pub const fn is_schedulable(&self) -> bool {
        let is_unfit = matches!(
            self,
            Command::PeerAttach(_)
                | Command::PeerDetach(_)
                | Command::Receipt(_)
                | Command::JobTake(_)
                | Command::JobRenew(_)
                | Command::JobFinish(_)
                | Command::MemoryDecide(_)
                | Command::TokenCreate(_)
                | Command::ScheduleCreate(_)
                | Command::ScheduleRun(_)
        );
        !is_unfit && !self.is_read_only() && !self.is_operation()
    }
}
