//! What is folded of a session's agent, against what can be read off its whole history at once.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tieline_model::{
    EventBody, MessageId, PrincipalId, SessionId, TimestampMs,
    event::{Activity, Recorded, TurnOutcome},
    reply::{SessionState, WaitingOn},
    session::{
        life::{self, AskFact, Facts},
        progress::{Progress, TurnState},
    },
};

#[derive(Debug, Clone)]
enum Step {
    Did(Activity),
    PeerLeft,
    Other,
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![TurnOutcome::Completed, TurnOutcome::Interrupted, TurnOutcome::Failed]);
    prop_oneof![
        name().prop_map(|turn| Step::Did(Activity::TurnStarted { turn })),
        (name(), outcome).prop_map(|(turn, outcome)| {
            Step::Did(Activity::TurnEnded { turn, outcome, reason: None, duration_ms: None })
        }),
        name().prop_map(|approval| Step::Did(Activity::ApprovalAsked { approval, subject: "x".into() })),
        (name(), any::<bool>()).prop_map(|(approval, is_allowed)| {
            Step::Did(Activity::ApprovalDecided { approval, is_allowed, reason: None })
        }),
        (0..1000u64).prop_map(|input_tokens| {
            Step::Did(Activity::Spent {
                model: None,
                input_tokens,
                output_tokens: 1,
                cached_tokens: None,
                cost_micro_usd: None,
            })
        }),
        Just(Step::PeerLeft),
        Just(Step::Other),
    ]
}

fn body(step: &Step) -> EventBody {
    let by = PrincipalId::from_slice(&[1; 16]).unwrap();
    match step {
        Step::Did(what) => {
            EventBody::Activity(Box::new(Recorded { by, happened_at_ms: None, source: None, what: what.clone() }))
        }
        Step::PeerLeft => EventBody::PeerDetached { principal: by, epoch: 1, reason: "lost".into() },
        Step::Other => EventBody::SessionPinned { pinned: true },
    }
}

fn folded(steps: &[Step]) -> Progress {
    let mut progress = Progress::default();
    for (seq, step) in (1..).zip(steps) {
        progress.fold(seq, TimestampMs(i64::try_from(seq).unwrap()), &body(step));
    }
    progress
}

/// Whether a turn runs, read backwards: the newest turn event or departure decides.
fn runs(steps: &[Step]) -> bool {
    let newest = steps.iter().rev().find(|step| {
        matches!(step, Step::PeerLeft | Step::Did(Activity::TurnStarted { .. } | Activity::TurnEnded { .. }))
    });
    matches!(newest, Some(Step::Did(Activity::TurnStarted { .. })))
}

/// The approvals that are open: asked, and nothing later that settles them.
fn open(steps: &[Step]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let Step::Did(Activity::ApprovalAsked { approval, .. }) = step else { continue };
        let is_over = steps[at + 1..].iter().any(|later| match later {
            Step::PeerLeft | Step::Did(Activity::TurnEnded { .. }) => true,
            Step::Did(
                Activity::ApprovalDecided { approval: other, .. } | Activity::ApprovalAsked { approval: other, .. },
            ) => other == approval,
            _ => false,
        });
        if !is_over {
            found.push(approval.clone());
        }
    }
    found
}

fn ask(n: u8) -> AskFact {
    AskFact {
        ask: MessageId::from_slice(&[n; 16]).unwrap(),
        other: SessionId::from_slice(&[n; 16]).unwrap(),
        since: TimestampMs(i64::from(n)),
    }
}

proptest! {
    #[test]
    fn folding_event_by_event_is_reading_the_whole_history(steps in prop::collection::vec(step(), 0..60)) {
        let progress = folded(&steps);
        prop_assert_eq!(progress.turn.as_ref().is_some_and(|turn| turn.state == TurnState::Running), runs(&steps));
        prop_assert_eq!(progress.approvals.iter().map(|it| it.approval.clone()).collect::<Vec<_>>(), open(&steps));
        let spent: u64 = steps.iter().map(|step| match step {
            Step::Did(Activity::Spent { input_tokens, .. }) => *input_tokens,
            _ => 0,
        }).sum();
        prop_assert_eq!(progress.usage.input_tokens, spent);
    }

    #[test]
    fn folding_may_stop_and_go_on_anywhere(steps in prop::collection::vec(step(), 0..40), cut in any::<prop::sample::Index>()) {
        let cut = if steps.is_empty() { 0 } else { cut.index(steps.len()) };
        let stored = serde_json::to_string(&folded(&steps[..cut])).unwrap();
        let mut progress: Progress = serde_json::from_str(&stored).unwrap();
        for (seq, step) in (1..).zip(&steps).skip(cut) {
            progress.fold(seq, TimestampMs(i64::try_from(seq).unwrap()), &body(step));
        }
        prop_assert_eq!(progress, folded(&steps));
    }

    #[test]
    fn every_history_has_one_state_and_waits_name_their_reason(
        steps in prop::collection::vec(step(), 0..30),
        is_closed in any::<bool>(),
        is_archived in any::<bool>(),
        had_writer in any::<bool>(),
        asks in prop::option::of(1u8..9),
        works_on in prop::option::of(1u8..9),
    ) {
        let progress = folded(&steps);
        let facts = Facts { is_closed, is_archived, had_writer, progress, asks: asks.map(ask), works_on: works_on.map(ask) };
        let (state, waiting) = life::state(&facts);
        prop_assert_eq!(waiting.is_some(), state == SessionState::Waiting);
        prop_assert_eq!(state.takes_messages(), !is_closed && !is_archived);
        match waiting.map(|it| it.on) {
            Some(WaitingOn::Approval { approval, .. }) => prop_assert_eq!(Some(approval), open(&steps).first().cloned()),
            Some(WaitingOn::Answer { .. }) => prop_assert!(open(&steps).is_empty() && !runs(&steps) && works_on.is_none()),
            None if state == SessionState::Active => prop_assert!(runs(&steps) || works_on.is_some()),
            None => {}
        }
    }
}
