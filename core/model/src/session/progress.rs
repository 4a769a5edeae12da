//! What is known of a session's agent, folded from its activities. Rebuilt from the events it is the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    EventBody, TimestampMs,
    event::{Activity, Switchable, TurnOutcome},
};

/// The most approvals that are kept open for one session; the oldest give way.
const MAX_APPROVALS: usize = 100;

/// How old the start of a turn may be when it is recorded, for the turn to be taken as running, in milliseconds.
const STALE_MS: i64 = 10 * 60 * 1000;

/// What a session's agent is at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Its newest turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnProgress>,
    /// Approvals that nobody has decided on, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<OpenApproval>,
    /// The agent program, when it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The model, when it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it has used.
    #[serde(default)]
    pub usage: Usage,
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnProgress {
    /// The turn, as its runtime calls it.
    pub turn: String,
    /// The number of its newest event.
    pub seq: u64,
    /// When that was recorded.
    pub at_ms: TimestampMs,
    /// How far it is.
    pub state: TurnState,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// The model works.
    Running,
    /// The peer went away in the middle of it; nobody said how it ended.
    Left,
    /// It ended.
    Ended(TurnOutcome),
}

/// An approval that nobody has decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenApproval {
    /// The approval, as its runtime calls it.
    pub approval: String,
    /// What is to be allowed.
    pub subject: String,
    /// The number of its event.
    pub seq: u64,
    /// When it was recorded.
    pub at_ms: TimestampMs,
}

/// Tokens and money that were used, as far as they were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Tokens read from a cache; part of those read.
    pub cached_tokens: u64,
    /// What it cost, in millionths of a US dollar.
    pub cost_micro_usd: u64,
}

impl Usage {
    /// Adds another.
    pub fn add(&mut self, other: &Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.cost_micro_usd = self.cost_micro_usd.saturating_add(other.cost_micro_usd);
    }

    /// Tells whether nothing was told.
    pub fn is_empty(&self) -> bool {
        *self == Usage::default()
    }
}

impl Progress {
    /// Tells whether an event changes a progress at all.
    pub const fn is_about(body: &EventBody) -> bool {
        matches!(
            body,
            EventBody::Activity(_)
                | EventBody::PeerDetached { .. }
                | EventBody::RuntimeStarted(_)
                | EventBody::RuntimeEnded { .. }
        )
    }

    /// Takes an event in.
    pub fn fold(&mut self, seq: u64, at_ms: TimestampMs, body: &EventBody) {
        match body {
            EventBody::PeerDetached { .. } | EventBody::RuntimeStarted(_) | EventBody::RuntimeEnded { .. } => {
                if let Some(turn) = self.turn.as_mut().filter(|turn| turn.state == TurnState::Running) {
                    *turn = TurnProgress { state: TurnState::Left, seq, at_ms, turn: std::mem::take(&mut turn.turn) };
                }
                // Whoever waited for the decision is gone with its peer.
                self.approvals.clear();
            }
            EventBody::Activity(recorded) => {
                self.act(seq, at_ms, &recorded.what);
                // A transcript of long ago that breaks off says of no turn that it runs.
                let is_old = recorded.happened_at_ms.is_some_and(|then| at_ms.0.saturating_sub(then.0) > STALE_MS);
                if let Some(turn) = self.turn.as_mut().filter(|turn| is_old && turn.state == TurnState::Running) {
                    turn.state = TurnState::Left;
                }
            }
            _ => {}
        }
    }

    fn act(&mut self, seq: u64, at_ms: TimestampMs, what: &Activity) {
        match what {
            Activity::TurnStarted { turn } => {
                self.turn = Some(TurnProgress { turn: turn.clone(), seq, at_ms, state: TurnState::Running });
            }
            Activity::TurnEnded { turn, outcome, .. } => {
                let state = TurnState::Ended(*outcome);
                self.turn = Some(TurnProgress { turn: turn.clone(), seq, at_ms, state });
                self.approvals.clear();
            }
            Activity::ApprovalAsked { approval, subject } => {
                self.approvals.retain(|open| open.approval != *approval);
                if self.approvals.len() == MAX_APPROVALS {
                    self.approvals.remove(0);
                }
                let open = OpenApproval { approval: approval.clone(), subject: subject.clone(), seq, at_ms };
                self.approvals.push(open);
            }
            Activity::ApprovalDecided { approval, .. } => self.approvals.retain(|open| open.approval != *approval),
            Activity::Switched { what, to, .. } => match what {
                Switchable::Backend => self.backend = Some(to.clone()),
                Switchable::Model => self.model = Some(to.clone()),
            },
            Activity::Said { model: Some(model), .. } => self.model = Some(model.clone()),
            Activity::Spent { input_tokens, output_tokens, cached_tokens, cost_micro_usd, .. } => {
                self.usage.add(&Usage {
                    input_tokens: *input_tokens,
                    output_tokens: *output_tokens,
                    cached_tokens: cached_tokens.unwrap_or_default(),
                    cost_micro_usd: cost_micro_usd.unwrap_or_default(),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrincipalId, event::Recorded};

    fn folded(all: &[Activity]) -> Progress {
        let mut progress = Progress::default();
        for (seq, what) in (1..).zip(all) {
            let by = PrincipalId::from_slice(&[0; 16]).unwrap();
            let recorded = Recorded { by, happened_at_ms: None, source: None, what: what.clone() };
            progress.fold(seq, TimestampMs(1000), &EventBody::Activity(Box::new(recorded)));
        }
        progress
    }

    #[test]
    fn an_approval_is_open_until_it_is_decided_or_its_turn_ends() {
        let asked = |id: &str| Activity::ApprovalAsked { approval: id.into(), subject: "rm".into() };
        let decided = Activity::ApprovalDecided { approval: "a".into(), is_allowed: true, reason: None };
        let open = |all: &[Activity]| folded(all).approvals.into_iter().map(|it| it.approval).collect::<Vec<_>>();
        assert_eq!(open(&[asked("a"), asked("b"), decided]), ["b"]);
        let ended =
            Activity::TurnEnded { turn: "1".into(), outcome: TurnOutcome::Completed, reason: None, duration_ms: None };
        assert_eq!(open(&[asked("a"), ended]), Vec::<String>::new());
    }

    #[test]
    fn a_turn_whose_peer_went_away_is_not_running() {
        let mut progress = folded(&[Activity::TurnStarted { turn: "1".into() }]);
        assert_eq!(progress.turn.as_ref().unwrap().state, TurnState::Running);
        let by = PrincipalId::from_slice(&[0; 16]).unwrap();
        progress.fold(
            2,
            TimestampMs(2000),
            &EventBody::PeerDetached { principal: by, epoch: 1, reason: "lost".into() },
        );
        assert_eq!(progress.turn.unwrap().state, TurnState::Left);
    }

    #[test]
    fn what_was_used_adds_up() {
        let spent = Activity::Spent {
            model: None,
            input_tokens: 10,
            output_tokens: 2,
            cached_tokens: Some(4),
            cost_micro_usd: None,
        };
        let usage = folded(&[spent.clone(), spent]).usage;
        assert_eq!(usage, Usage { input_tokens: 20, output_tokens: 4, cached_tokens: 8, cost_micro_usd: 0 });
    }
}
