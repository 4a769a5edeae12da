//! The life of an ask: open until the first terminal thing happens to it, closed for good after that.
//!
//! An answer to a closed ask is not dropped: it is stored and delivered as late, and the answerer is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SessionId;

/// Where an ask stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    /// Waits for an answer.
    Open,
    /// Answered, with or without text.
    Answered,
    /// Its deadline passed.
    Expired,
    /// Its asker withdrew it.
    Cancelled,
    /// The session that was asked was closed.
    Orphaned,
    /// The session that was asked will not answer.
    Declined,
    /// Its asker put another message in its place.
    Superseded,
}

impl AskState {
    /// All states, in the order under which the store numbers them.
    pub const ALL: [AskState; 7] =
        [Self::Open, Self::Answered, Self::Expired, Self::Cancelled, Self::Orphaned, Self::Declined, Self::Superseded];

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            AskState::Open => "open",
            AskState::Answered => "answered",
            AskState::Expired => "expired",
            AskState::Cancelled => "cancelled",
            AskState::Orphaned => "orphaned",
            AskState::Declined => "declined",
            AskState::Superseded => "superseded",
        }
    }

    /// Reads back what [`Self::as_str`] gave.
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What can happen to an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A session answers it.
    Ack {
        /// The session that answers.
        by: SessionId,
        /// Whether the answer has text.
        has_text: bool,
        /// Whether it says that there will be no answer.
        declines: bool,
    },
    /// Its deadline passed.
    Deadline,
    /// A session withdraws it.
    Cancel {
        /// The session that withdraws.
        by: SessionId,
    },
    /// Its asker sends another message in its place.
    Superseded {
        /// The session that asked.
        by: SessionId,
    },
    /// Another session answered the same question.
    AnsweredElsewhere,
    /// The session that was asked closed.
    AddresseeClosed,
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Record the new state.
    Close(AskState),
    /// Deliver the answer to the asker; `late` when the ask was closed before.
    Reply {
        /// Whether it comes after the ask was closed.
        late: bool,
    },
    /// Tell the asker that no answer will come.
    Notice(AskState),
    /// Withdraw the ask's own delivery if the addressee has not taken it yet.
    Withdraw,
}

/// Why an input is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Only the session that was asked may answer.
    NotAddressee,
    /// Only the session that asked may withdraw.
    NotAsker,
    /// The ask is closed, and there is no text to keep.
    Closed(AskState),
}

/// The two sides of an ask and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Who asked.
    pub asker: SessionId,
    /// Who was asked.
    pub addressee: SessionId,
    /// Where it stands.
    pub state: AskState,
}

/// Decides what `input` does to `ask`.
pub fn step(ask: &Ask, input: &Input) -> Result<Vec<Effect>, Denied> {
    match input {
        Input::Ack { by, .. } if *by != ask.addressee => Err(Denied::NotAddressee),
        Input::Cancel { by } | Input::Superseded { by } if *by != ask.asker => Err(Denied::NotAsker),
        Input::Ack { has_text, declines, .. } => match (ask.state, has_text) {
            (AskState::Open, _) => {
                let state = if *declines { AskState::Declined } else { AskState::Answered };
                Ok(vec![Effect::Close(state), Effect::Reply { late: false }])
            }
            (_, true) => Ok(vec![Effect::Reply { late: true }]),
            (closed, false) => Err(Denied::Closed(closed)),
        },
        Input::Cancel { .. } => withdraw(ask.state, AskState::Cancelled),
        Input::Superseded { .. } => withdraw(ask.state, AskState::Superseded),
        Input::AnsweredElsewhere => match ask.state {
            AskState::Open => Ok(vec![Effect::Close(AskState::Answered), Effect::Withdraw]),
            _ => Ok(Vec::new()),
        },
        Input::Deadline => Ok(end(ask.state, AskState::Expired)),
        Input::AddresseeClosed => Ok(end(ask.state, AskState::Orphaned)),
    }
}

fn withdraw(state: AskState, end: AskState) -> Result<Vec<Effect>, Denied> {
    match state {
        AskState::Open => Ok(vec![Effect::Close(end), Effect::Withdraw]),
        closed => Err(Denied::Closed(closed)),
    }
}

fn end(state: AskState, end: AskState) -> Vec<Effect> {
    match state {
        AskState::Open => vec![Effect::Close(end), Effect::Withdraw, Effect::Notice(end)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(n: u128) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn any_input() -> impl Strategy<Value = Input> {
        (0..5u8, 1..4u128, any::<bool>(), any::<bool>()).prop_map(|(which, by, has_text, declines)| match which {
            0 => Input::Ack { by: session(by), has_text, declines },
            1 => Input::Cancel { by: session(by) },
            2 => Input::Deadline,
            3 => Input::Superseded { by: session(by) },
            _ => Input::AddresseeClosed,
        })
    }

    proptest! {
        #[test]
        fn an_ask_closes_once_and_every_answer_with_text_is_kept(inputs in prop::collection::vec(any_input(), 0..30)) {
            let mut ask = Ask { asker: session(1), addressee: session(2), state: AskState::Open };
            let (mut closed, mut on_time) = (0, 0);
            for input in inputs {
                let before = ask.state;
                match step(&ask, &input) {
                    Ok(effects) => for effect in effects {
                        match effect {
                            Effect::Close(state) => { closed += 1; ask.state = state; }
                            Effect::Reply { late: false } => on_time += 1,
                            Effect::Reply { late: true } => prop_assert_ne!(before, AskState::Open),
                            Effect::Notice(state) => prop_assert_eq!(state, ask.state),
                            Effect::Withdraw => {}
                        }
                    },
                    Err(Denied::NotAddressee) => { let denied_ack = matches!(input, Input::Ack { by, .. } if by != session(2)); prop_assert!(denied_ack) }
                    Err(Denied::NotAsker) => { let denied_cancel = matches!(input, Input::Cancel { by } | Input::Superseded { by } if by != session(1)); prop_assert!(denied_cancel) }
                    Err(Denied::Closed(state)) => prop_assert!(state == before && before != AskState::Open),
                }
            }
            prop_assert!(closed <= 1);
            prop_assert_eq!(on_time == 1, matches!(ask.state, AskState::Answered | AskState::Declined));
        }
    }

    #[test]
    fn an_expired_ask_tells_its_asker_and_leaves_the_inbox() {
        let ask = Ask { asker: session(1), addressee: session(2), state: AskState::Open };
        assert_eq!(
            step(&ask, &Input::Deadline),
            Ok(vec![Effect::Close(AskState::Expired), Effect::Withdraw, Effect::Notice(AskState::Expired)])
        );
    }
}
