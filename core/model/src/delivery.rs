//! The life of one delivery: which state may follow which.
//!
//! Receipts are cumulative and may be repeated, so an input that a state has already outgrown changes
//! nothing; an input that contradicts a terminal state is the only error.

use crate::{DeliveryState, MessageKind};

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It was handed to a link.
    HandedOver,
    /// The link or the daemon died before a receipt came.
    LinkLost,
    /// The far side took responsibility.
    Delivered,
    /// The far side showed it to its model or its person.
    Seen,
    /// The ask was answered.
    Answered,
    /// Its time ran out.
    TimeRanOut,
    /// Its sender withdrew it.
    Cancelled,
    /// The far side refused it for good, or it cannot be delivered at all.
    GivenUp,
}

/// What an input did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The delivery has a new state.
    To(DeliveryState),
    /// It was so already, or further.
    Unchanged,
    /// The input comes too late: the delivery ended as it stands.
    TooLate(DeliveryState),
}

/// Tells whether nothing more can happen to a delivery of `kind` in `state`.
pub fn is_terminal(kind: MessageKind, state: DeliveryState) -> bool {
    match state {
        DeliveryState::Expired | DeliveryState::Cancelled | DeliveryState::Dead | DeliveryState::Answered => true,
        DeliveryState::Seen => kind != MessageKind::Ask,
        DeliveryState::Accepted | DeliveryState::Sent | DeliveryState::Delivered => false,
    }
}

/// Tells whether the recipient still has to take it.
pub fn is_pending(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Accepted | DeliveryState::Sent)
}

/// Applies `input` to a delivery in `state`.
pub fn step(state: DeliveryState, input: Input) -> Step {
    use DeliveryState as S;
    match (state, input) {
        (S::Accepted, Input::HandedOver) => Step::To(S::Sent),
        (S::Sent, Input::LinkLost) => Step::To(S::Accepted),
        (S::Accepted | S::Sent, Input::Delivered) => Step::To(S::Delivered),
        (S::Accepted | S::Sent | S::Delivered, Input::Seen) => Step::To(S::Seen),
        (S::Accepted | S::Sent | S::Delivered | S::Seen, Input::Answered) => Step::To(S::Answered),
        (S::Accepted | S::Sent, Input::TimeRanOut) => Step::To(S::Expired),
        (S::Accepted | S::Sent, Input::Cancelled) => Step::To(S::Cancelled),
        (S::Accepted | S::Sent, Input::GivenUp) => Step::To(S::Dead),
        (S::Expired | S::Cancelled | S::Dead, Input::Delivered | Input::Seen | Input::Answered) => Step::TooLate(state),
        (S::Delivered | S::Seen | S::Answered, Input::TimeRanOut | Input::Cancelled | Input::GivenUp) => {
            Step::TooLate(state)
        }
        _ => Step::Unchanged,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rank(state: DeliveryState) -> u8 {
        match state {
            DeliveryState::Accepted => 0,
            DeliveryState::Sent => 1,
            DeliveryState::Delivered => 2,
            DeliveryState::Seen => 3,
            DeliveryState::Answered | DeliveryState::Expired | DeliveryState::Cancelled | DeliveryState::Dead => 4,
        }
    }

    fn any_input() -> impl Strategy<Value = Input> {
        prop::sample::select(vec![
            Input::HandedOver,
            Input::LinkLost,
            Input::Delivered,
            Input::Seen,
            Input::Answered,
            Input::TimeRanOut,
            Input::Cancelled,
            Input::GivenUp,
        ])
    }

    proptest! {
        #[test]
        fn the_rank_never_falls_but_from_sent_to_accepted(inputs in prop::collection::vec(any_input(), 0..40)) {
            let mut state = DeliveryState::Accepted;
            for input in inputs {
                if let Step::To(next) = step(state, input) {
                    let lost = (state, next) == (DeliveryState::Sent, DeliveryState::Accepted);
                    prop_assert!(rank(next) > rank(state) || lost);
                    state = next;
                }
            }
        }

        #[test]
        fn a_terminal_state_never_changes(inputs in prop::collection::vec(any_input(), 0..40)) {
            for end in [DeliveryState::Answered, DeliveryState::Expired, DeliveryState::Cancelled, DeliveryState::Dead] {
                for input in &inputs {
                    prop_assert!(!matches!(step(end, *input), Step::To(_)));
                }
            }
        }

        #[test]
        fn the_same_input_twice_is_the_same_as_once(inputs in prop::collection::vec(any_input(), 0..20), again in any_input()) {
            let run = |inputs: &[Input]| inputs.iter().fold(DeliveryState::Accepted, |state, input| match step(state, *input) {
                Step::To(next) => next,
                Step::Unchanged | Step::TooLate(_) => state,
            });
            let mut once = inputs.clone();
            once.push(again);
            let mut twice = once.clone();
            twice.push(again);
            prop_assert_eq!(run(&once), run(&twice));
        }
    }
}
