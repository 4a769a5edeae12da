//! What the life of a job promises, in small cases and in random ones.

use proptest::prelude::*;

use super::*;

const POLICY: RetryPolicy = RetryPolicy { max_attempts: 2, delay_ms: 10, doubles: true };

fn at(ms: i64) -> TimestampMs {
    TimestampMs(ms)
}

fn to(standing: Standing, input: Input, now: i64) -> Standing {
    match standing.step(&POLICY, input, at(now)) {
        Ok(Step::To(next)) => next,
        other => panic!("{input:?} at {now} gave {other:?} of {standing:?}"),
    }
}

fn taken() -> Standing {
    to(Standing::new(false, at(0), Some(at(1000))), Input::Take { until: at(100) }, 0)
}

#[test]
fn a_job_is_taken_kept_and_done() {
    let leased = taken();
    assert_eq!((leased.state, leased.attempts, leased.lease, leased.due()), (JobState::Leased, 1, 1, Some(at(100))));
    let renewed = to(leased, Input::Renew { lease: 1, until: at(200) }, 50);
    assert_eq!(renewed.due(), Some(at(200)));
    let done = to(renewed, Input::Finish { lease: 1 }, 150);
    assert_eq!((done.state, done.due()), (JobState::Done, None));
}

#[test]
fn renewing_never_makes_a_lease_shorter() {
    assert_eq!(to(taken(), Input::Renew { lease: 1, until: at(60) }, 50).leased_until, Some(at(100)));
}

#[test]
fn a_lease_that_ran_out_is_an_attempt_and_the_job_is_queued_after_a_pause() {
    let queued = to(taken(), Input::Tick, 100);
    assert_eq!((queued.state, queued.attempts, queued.ready_at), (JobState::Queued, 1, at(110)));
    let refused = queued.step(&POLICY, Input::Take { until: at(300) }, at(109));
    assert_eq!(refused, Err(Refused::NotReady(at(110))));
    let again = to(queued, Input::Take { until: at(300) }, 110);
    assert_eq!((again.attempts, again.lease), (2, 2));
    assert_eq!(to(again, Input::Tick, 300).state, JobState::Failed, "no attempt is left");
}

#[test]
fn a_late_result_under_an_old_lease_is_refused_with_the_state() {
    let again = to(to(taken(), Input::Tick, 100), Input::Take { until: at(300) }, 110);
    let late = again.step(&POLICY, Input::Finish { lease: 1 }, at(120)).unwrap_err();
    assert_eq!(late, Refused::OldLease { given: 1, newest: 2, state: JobState::Leased });
    assert_eq!(late.to_string(), "lease 1 is over; the newest is 2, and it is leased");
}

#[test]
fn a_lease_that_ran_out_is_over_although_nobody_has_noticed() {
    let late = taken().step(&POLICY, Input::Finish { lease: 1 }, at(100));
    assert_eq!(late, Err(Refused::OldLease { given: 1, newest: 1, state: JobState::Queued }));
}

#[test]
fn a_deadline_ends_it_in_whatever_state_it_is() {
    let queued = Standing::new(false, at(0), Some(at(1000)));
    let waiting = Standing::new(true, at(0), Some(at(1000)));
    let leased = to(queued, Input::Take { until: at(5000) }, 0);
    for standing in [queued, waiting, leased] {
        assert_eq!(to(standing, Input::Tick, 1000).state, JobState::Expired);
    }
}

#[test]
fn a_failure_that_no_attempt_can_mend_ends_it() {
    assert_eq!(to(taken(), Input::Fail { lease: 1, is_retryable: false }, 50).state, JobState::Failed);
    assert_eq!(to(taken(), Input::Fail { lease: 1, is_retryable: true }, 50).state, JobState::Queued);
}

#[test]
fn a_retry_counts_attempts_anew_and_leases_further() {
    let failed = to(taken(), Input::Fail { lease: 1, is_retryable: false }, 50);
    let retried = to(failed, Input::Retry { is_blocked: false, deadline: None }, 60);
    assert_eq!((retried.state, retried.attempts, retried.lease, retried.deadline), (JobState::Queued, 0, 1, None));
    assert_eq!(to(retried, Input::Take { until: at(200) }, 60).lease, 2);
    let refused = retried.step(&POLICY, Input::Retry { is_blocked: false, deadline: None }, at(60));
    assert_eq!(refused, Err(Refused::State(JobState::Queued)));
}

#[test]
fn pauses_double_up_to_an_hour() {
    let policy = RetryPolicy { max_attempts: 100, delay_ms: 1_000, doubles: true };
    let pauses: Vec<u64> = [1, 2, 3, 12, 13, 100].map(|attempts| policy.pause_ms(attempts)).into();
    assert_eq!(pauses, [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000]);
    assert_eq!(RetryPolicy { doubles: false, ..policy }.pause_ms(50), 1_000);
    assert_eq!(RetryPolicy { delay_ms: 7_200_000, ..policy }.pause_ms(3), 7_200_000);
}

fn input() -> impl Strategy<Value = Input> {
    let lease = 0..6_u64;
    prop_oneof![
        Just(Input::Unblocked),
        (1..400_i64).prop_map(|until| Input::Take { until: at(until) }),
        (lease.clone(), 1..400_i64).prop_map(|(lease, until)| Input::Renew { lease, until: at(until) }),
        lease.clone().prop_map(|lease| Input::Finish { lease }),
        (lease, any::<bool>()).prop_map(|(lease, is_retryable)| Input::Fail { lease, is_retryable }),
        Just(Input::Cancel),
        any::<bool>().prop_map(|is_blocked| Input::Retry { is_blocked, deadline: None }),
        Just(Input::Tick),
    ]
}

proptest! {
    /// Whatever happens: lease numbers only grow, each is taken once and ends once, attempts stay within the policy, and
    /// only a retry leads out of an end.
    #[test]
    fn no_lease_is_given_twice_and_no_end_is_undone(
        inputs in prop::collection::vec((input(), 0..30_i64), 1..60),
        deadline in prop::option::of(1..400_i64),
    ) {
        let mut standing = Standing::new(false, at(0), deadline.map(at));
        let (mut now, mut finished) = (0, Vec::new());
        for (input, later) in inputs {
            now += later;
            let Ok(Step::To(next)) = standing.step(&POLICY, input, at(now)) else { continue };
            prop_assert!(next.attempts <= POLICY.max_attempts);
            prop_assert!(next.lease == standing.lease || next.lease == standing.lease + 1);
            if standing.state.has_ended() {
                let is_retry = matches!(input, Input::Retry { .. });
                prop_assert!(is_retry);
            }
            prop_assert_eq!(next.leased_until.is_some(), next.state == JobState::Leased);
            if let Input::Finish { lease } = input {
                prop_assert!(lease == standing.lease && standing.state == JobState::Leased);
                prop_assert!(!finished.contains(&lease));
                finished.push(lease);
            }
            standing = next;
        }
    }
}
