//! Whether an agent program has come to rest, so that whoever waits for that can be told. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runtime::{Runtime, RuntimeState};

/// How long a program is watched for somebody, in milliseconds.
pub const WATCH_MS: u64 = 24 * 60 * 60 * 1000;

/// How watching a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchEnd {
    /// It waits for a prompt, and nothing is on its way to it.
    Idle,
    /// It has ended, or its session was closed or archived.
    Offline,
    /// It did not come to rest in time.
    TimeRanOut,
}

/// Tells whether a program is at rest, and how; `asks_permission` is whether a permission is open.
pub fn of(runtime: &Runtime, asks_permission: bool) -> Option<WatchEnd> {
    match runtime.state {
        RuntimeState::Offline => Some(WatchEnd::Offline),
        RuntimeState::Idle if runtime.batch.is_none() && !asks_permission => Some(WatchEnd::Idle),
        RuntimeState::Idle | RuntimeState::Working => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TimestampMs, message::PerLane, runtime::Batch};

    #[test]
    fn a_program_is_at_rest_when_it_waits_for_nothing_but_a_prompt() {
        let mut runtime = Runtime {
            agent: "claude".into(),
            native: "1".into(),
            version: None,
            process: None,
            pane: None,
            listens: false,
            home: None,
            state: RuntimeState::Idle,
            since: TimestampMs(0),
            heard_at: TimestampMs(0),
            batch: None,
            missed: 0,
            wake: None,
            woken: None,
        };
        assert_eq!(of(&runtime, false), Some(WatchEnd::Idle));
        assert_eq!(of(&runtime, true), None);
        let handed = Batch { messages: vec![], through: PerLane::default(), via: "Stop".into(), at: TimestampMs(0) };
        runtime.batch = Some(handed);
        assert_eq!(of(&runtime, false), None, "what it was handed makes it work");
        runtime.state = RuntimeState::Offline;
        assert_eq!(of(&runtime, true), Some(WatchEnd::Offline));
        (runtime.state, runtime.batch) = (RuntimeState::Working, None);
        assert_eq!(of(&runtime, false), None);
    }
}
