//! The agent program that runs a session, as its hooks report it: what it is at, and what was handed to it.
//!
//! Pure: it says what follows from a report, and what is known for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MessageId, SessionId, TimestampMs, message::PerLane};

/// How long the word of a program that it works is good, in milliseconds. An interrupted turn is not reported by every
/// program, so that the word gets old.
pub const WORKING_MS: i64 = 10 * 60 * 1000;
/// How long the word of a program whose process is not known is good, in milliseconds.
pub const UNPROVEN_MS: i64 = 10 * 60 * 1000;
/// How long a program that has just started is left alone, in milliseconds: somebody may be about to prompt it, or it runs
/// one prompt and ends.
pub const SETTLE_MS: u64 = 10_000;
/// Of a longer text the beginning is brought before a model, in bytes; the rest is read when it is wanted.
pub const SHOWN_BYTES: usize = 4_000;
/// How long after messages were handed out a record without them counts as proof that they did not arrive, in
/// milliseconds: programs write their records a moment later.
pub const RECORD_LAG_MS: i64 = 2_000;

/// The way to a program that listens: its own plugin, which prompts it.
pub const LISTENER: &str = "listener";

/// One process: its number, and when it was started in the units of its system. Both together are never used twice while
/// the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started. Only good for being compared.
    pub started: u64,
}

/// The pane of a terminal multiplexer that a program is shown in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pane {
    /// The multiplexer's socket.
    pub socket: String,
    /// The pane, as the multiplexer calls it, as in `%3`.
    pub pane: String,
}

/// What a hook says that its program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// It runs, and waits for a prompt.
    Started,
    /// A prompt came: a turn begins, or goes on.
    Prompted,
    /// It works on a turn.
    Working,
    /// It came to the end of a turn and waits for a prompt.
    Rested,
    /// The program ends.
    Ended,
    /// Nothing that changes what it is at.
    Noted,
    /// Nothing at all: only what its record shows is told, maybe after it has ended.
    Recorded,
}

/// What a program is at, as far as its hooks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeState {
    /// It waits for a prompt.
    Idle,
    /// It works on a turn.
    Working,
    /// It has ended.
    Offline,
}

/// What a session's program is at, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It waits for a prompt.
    Idle,
    /// It works on a turn.
    Working,
    /// It waits until somebody allows something.
    WaitingForPermission,
    /// It waits for the answer of another session.
    WaitingForPeer,
    /// It has ended.
    Offline,
}

impl Presence {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Presence::Idle => "idle",
            Presence::Working => "working",
            Presence::WaitingForPermission => "waiting for permission",
            Presence::WaitingForPeer => "waiting for a peer",
            Presence::Offline => "offline",
        }
    }
}

/// The agent program of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Which program, as in `claude`.
    pub agent: String,
    /// Its own id of the session.
    pub native: String,
    /// Its version, when it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its process, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<Pane>,
    /// Whether a plugin inside it hears of mail and prompts it, also while it rests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listens: bool,
    /// The folder in which it keeps what it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// What it is at.
    pub state: RuntimeState,
    /// Since when.
    pub since: TimestampMs,
    /// When it was heard of last.
    pub heard_at: TimestampMs,
    /// What was handed to it and is not in its record yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// How often in a row what was handed to it did not get into its record.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub missed: u32,
    /// Being woken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Waking>,
    /// What has begun its newest turn that a transport was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub woken: Option<Woken>,
}

/// Messages that were handed to a hook and are looked for in the program's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Which.
    pub messages: Vec<MessageId>,
    /// Up to which numbers of the inbox.
    pub through: PerLane<u64>,
    /// To which hook, as the program calls it.
    pub via: String,
    /// When.
    pub at: TimestampMs,
}

/// Where the waking of an idle program stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waking {
    /// The way that is under way: a transport that was asked, or the program's own listener.
    pub by: Option<String>,
    /// The request that is under way; none for the listener.
    pub request: Option<MessageId>,
    /// The ways that were tried without success.
    pub tried: Vec<String>,
    /// When to look again.
    pub again_at: TimestampMs,
    /// Whether it was said that nothing can wake it now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_said: bool,
}

/// A turn that began while a transport was asked for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Woken {
    /// The transport.
    pub by: String,
    /// The better transports, which could not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instead_of: Vec<String>,
    /// When.
    pub at_ms: TimestampMs,
}

impl Runtime {
    /// Takes in what a hook says.
    pub fn heard(&mut self, signal: Signal, now: TimestampMs) {
        let state = match signal {
            Signal::Started | Signal::Rested => RuntimeState::Idle,
            Signal::Prompted | Signal::Working => RuntimeState::Working,
            Signal::Ended => RuntimeState::Offline,
            // Whoever speaks is there.
            Signal::Noted if self.state == RuntimeState::Offline => RuntimeState::Idle,
            Signal::Noted | Signal::Recorded => self.state,
        };
        match signal {
            Signal::Started => {
                let again_at = now.plus_ms(SETTLE_MS);
                self.wake = Some(Waking { by: None, request: None, tried: Vec::new(), again_at, is_said: false });
            }
            Signal::Prompted => {
                let woken =
                    self.wake.take().and_then(|it| Some(Woken { by: it.by?, instead_of: it.tried, at_ms: now }));
                self.woken = woken.or(self.woken.take());
            }
            Signal::Working | Signal::Ended => self.wake = None,
            Signal::Rested | Signal::Noted | Signal::Recorded => {}
        }
        self.become_state(state, now);
        if signal != Signal::Recorded {
            self.heard_at = now;
        }
    }

    /// Tells whether it has just started, and somebody may be about to prompt it.
    pub fn is_settling(&self, now: TimestampMs) -> bool {
        let is_left_alone = |wake: &Waking| wake.by.is_none() && wake.tried.is_empty() && !wake.is_said;
        self.state == RuntimeState::Idle && self.wake.as_ref().is_some_and(|it| is_left_alone(it) && it.again_at > now)
    }

    /// Its process is gone.
    pub fn lost(&mut self, now: TimestampMs) {
        self.become_state(RuntimeState::Offline, now);
        self.wake = None;
    }

    fn become_state(&mut self, state: RuntimeState, now: TimestampMs) {
        if self.state != state {
            (self.state, self.since) = (state, now);
        }
    }

    /// Tells since when nothing confirms its state any more; `None` while something does.
    pub fn stale_since(&self, now: TimestampMs) -> Option<TimestampMs> {
        let good_ms = match (self.state, self.process) {
            (RuntimeState::Working, _) => WORKING_MS,
            (RuntimeState::Idle, None) => UNPROVEN_MS,
            // Its process is looked at every few seconds, and a turn does not begin without a hook.
            (RuntimeState::Idle, Some(_)) | (RuntimeState::Offline, _) => return None,
        };
        let until = TimestampMs(self.heard_at.0.saturating_add(good_ms));
        (until <= now).then_some(until)
    }

    /// Tells whether it is certain that it waits for a prompt; `asks_permission` is whether a permission is open.
    pub fn can_be_woken(&self, asks_permission: bool, now: TimestampMs) -> bool {
        self.state == RuntimeState::Idle && !asks_permission && self.stale_since(now).is_none()
    }
}

/// Asks a transport to have an idle program begin a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wake {
    /// The session that has mail.
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// Which program runs it, as in `claude`.
    pub agent: String,
    /// The program's own id of the session.
    pub native: String,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<Pane>,
    /// The folder in which it keeps what it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// What to prompt it with: one line, without control characters.
    pub prompt: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(state: RuntimeState) -> Runtime {
        Runtime {
            agent: "claude".into(),
            native: "1".into(),
            version: None,
            process: Some(ProcessId { pid: 1, started: 1 }),
            pane: None,
            listens: false,
            home: None,
            state,
            since: TimestampMs(0),
            heard_at: TimestampMs(0),
            batch: None,
            missed: 0,
            wake: None,
            woken: None,
        }
    }

    #[test]
    fn a_turn_makes_it_work_and_its_end_makes_it_idle() {
        let mut it = runtime(RuntimeState::Idle);
        it.heard(Signal::Prompted, TimestampMs(5));
        assert_eq!((it.state, it.since), (RuntimeState::Working, TimestampMs(5)));
        it.heard(Signal::Working, TimestampMs(7));
        assert_eq!((it.since, it.heard_at), (TimestampMs(5), TimestampMs(7)));
        it.heard(Signal::Rested, TimestampMs(9));
        assert_eq!((it.state, it.since), (RuntimeState::Idle, TimestampMs(9)));
        it.heard(Signal::Ended, TimestampMs(10));
        assert_eq!(it.state, RuntimeState::Offline);
    }

    #[test]
    fn work_that_nobody_confirms_gets_stale_and_a_process_that_is_looked_after_does_not() {
        let working = runtime(RuntimeState::Working);
        assert_eq!(working.stale_since(TimestampMs(WORKING_MS - 1)), None);
        assert_eq!(working.stale_since(TimestampMs(WORKING_MS + 5)), Some(TimestampMs(WORKING_MS)));
        let mut idle = runtime(RuntimeState::Idle);
        assert_eq!(idle.stale_since(TimestampMs(i64::MAX)), None);
        idle.process = None;
        assert_eq!(idle.stale_since(TimestampMs(UNPROVEN_MS)), Some(TimestampMs(UNPROVEN_MS)));
    }

    #[test]
    fn it_is_woken_only_when_it_certainly_waits_for_a_prompt() {
        let now = TimestampMs(1);
        assert!(runtime(RuntimeState::Idle).can_be_woken(false, now));
        assert!(!runtime(RuntimeState::Idle).can_be_woken(true, now));
        assert!(!runtime(RuntimeState::Working).can_be_woken(false, now));
        assert!(!runtime(RuntimeState::Offline).can_be_woken(false, now));
    }

    #[test]
    fn a_program_settles_for_a_while_after_its_start() {
        let mut it = runtime(RuntimeState::Offline);
        it.heard(Signal::Started, TimestampMs(0));
        let end = TimestampMs(0).plus_ms(SETTLE_MS);
        assert!(it.is_settling(TimestampMs(1)) && !it.is_settling(end));
        it.heard(Signal::Prompted, TimestampMs(1));
        assert!(!it.is_settling(TimestampMs(1)));
    }

    #[test]
    fn who_begins_a_turn_needs_no_waking() {
        let mut it = runtime(RuntimeState::Idle);
        it.wake = Some(Waking { by: None, request: None, tried: vec![], again_at: TimestampMs(1), is_said: false });
        it.heard(Signal::Noted, TimestampMs(2));
        assert!(it.wake.is_some());
        it.heard(Signal::Prompted, TimestampMs(3));
        assert_eq!(it.wake, None);
    }
}
