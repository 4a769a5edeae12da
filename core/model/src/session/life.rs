//! In which state a session is: derived from what happened, never kept.

use crate::{
    MessageId, SessionId, TimestampMs,
    reply::{SessionState, Waiting, WaitingOn},
    session::progress::{Progress, TurnState},
};

/// An open ask, as far as a state depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskFact {
    /// The ask.
    pub ask: MessageId,
    /// The other session: whom it asked, or who asked it.
    pub other: SessionId,
    /// When it was accepted.
    pub since: TimestampMs,
}

/// What a state is derived from.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whether it was closed.
    pub is_closed: bool,
    /// Whether it was archived.
    pub is_archived: bool,
    /// Whether a peer has ever written for it.
    pub had_writer: bool,
    /// What its agent is at.
    pub progress: Progress,
    /// Its oldest ask that nobody has answered.
    pub asks: Option<AskFact>,
    /// The oldest ask that was delivered to it and that it has not answered.
    pub works_on: Option<AskFact>,
}

impl Facts {
    /// Tells whether its agent works on a turn.
    pub fn has_turn(&self) -> bool {
        self.progress.turn.as_ref().is_some_and(|turn| turn.state == TurnState::Running)
    }
}

/// Derives the state, and on whom a session waits.
pub fn state(facts: &Facts) -> (SessionState, Option<Waiting>) {
    if facts.is_archived {
        return (SessionState::Archived, None);
    }
    if facts.is_closed {
        return (SessionState::Closed, None);
    }
    if let Some(open) = facts.progress.approvals.first() {
        let on = WaitingOn::Approval { approval: open.approval.clone(), subject: open.subject.clone() };
        return (SessionState::Waiting, Some(Waiting { on, since_ms: open.at_ms }));
    }
    if facts.has_turn() || facts.works_on.is_some() {
        return (SessionState::Active, None);
    }
    if let Some(fact) = facts.asks {
        let on = WaitingOn::Answer { ask: fact.ask, from: fact.other };
        return (SessionState::Waiting, Some(Waiting { on, since_ms: fact.since }));
    }
    let was_used = facts.had_writer || facts.progress != Progress::default();
    (if was_used { SessionState::Idle } else { SessionState::Open }, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::progress::{OpenApproval, TurnProgress};

    fn ask() -> AskFact {
        let (ask, other) = (MessageId::from_slice(&[1; 16]).unwrap(), SessionId::from_slice(&[2; 16]).unwrap());
        AskFact { ask, other, since: TimestampMs(7) }
    }

    fn turn(state: TurnState) -> Option<TurnProgress> {
        Some(TurnProgress { turn: "1".into(), seq: 1, at_ms: TimestampMs(1), state })
    }

    fn of(change: impl FnOnce(&mut Facts)) -> SessionState {
        let mut facts = Facts::default();
        change(&mut facts);
        state(&facts).0
    }

    #[test]
    fn a_session_is_open_until_somebody_works_in_it_and_idle_when_nobody_does() {
        assert_eq!(of(|_| ()), SessionState::Open);
        assert_eq!(of(|facts| facts.had_writer = true), SessionState::Idle);
        assert_eq!(of(|facts| facts.progress.turn = turn(TurnState::Left)), SessionState::Idle);
        assert_eq!(of(|facts| facts.progress.turn = turn(TurnState::Running)), SessionState::Active);
        assert_eq!(of(|facts| facts.works_on = Some(ask())), SessionState::Active);
    }

    #[test]
    fn an_approval_stops_a_turn_and_an_ask_does_not() {
        let busy = |facts: &mut Facts| facts.progress.turn = turn(TurnState::Running);
        assert_eq!(
            of(|facts| {
                busy(facts);
                facts.asks = Some(ask());
            }),
            SessionState::Active
        );
        let open = OpenApproval { approval: "a".into(), subject: "rm".into(), seq: 3, at_ms: TimestampMs(3) };
        assert_eq!(
            of(|facts| {
                busy(facts);
                facts.progress.approvals.push(open);
            }),
            SessionState::Waiting
        );
    }

    #[test]
    fn it_is_said_on_whom_and_since_when_a_session_waits() {
        let facts = Facts { asks: Some(ask()), ..Facts::default() };
        let waiting = Waiting { on: WaitingOn::Answer { ask: ask().ask, from: ask().other }, since_ms: TimestampMs(7) };
        assert_eq!(state(&facts), (SessionState::Waiting, Some(waiting)));
    }

    #[test]
    fn what_is_over_is_over_whatever_else_is_known() {
        let all = Facts { is_closed: true, asks: Some(ask()), works_on: Some(ask()), ..Facts::default() };
        assert_eq!(state(&all).0, SessionState::Closed);
        assert_eq!(state(&Facts { is_archived: true, ..all }).0, SessionState::Archived);
    }
}
