//! What becomes of the instants that are due: those that were missed are caught up with or skipped, each with its reason.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::TimestampMs;

/// An instant that is later than this was missed.
const LATE_MS: u64 = 60_000;
/// How many instants are looked at in one step; the rest is due again at once.
const STEP: usize = 256;

/// What becomes of instants at which the daemon could do nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Misfire {
    /// They are caught up with together: the newest is carried out.
    #[default]
    Once,
    /// They are left out.
    Skip,
    /// Each is caught up with, the newest of them when there are more than so many.
    All {
        /// At most so many; 1 to 100.
        max: u32,
    },
}

/// Why an instant was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A newer one was due when the daemon could act again; that one stands for it.
    Coalesced,
    /// The daemon could not act in time, and what is missed is left out.
    Missed,
    /// More were missed than are caught up with.
    TooMany,
    /// It, and all that follow up to the reach of catching up, lie too far back.
    TooOld,
    /// The ask of an earlier one was still open.
    Overlap,
    /// It was held back, and the schedule ended before it could be carried out.
    Ended,
}

impl SkipReason {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            SkipReason::Coalesced => "coalesced",
            SkipReason::Missed => "missed",
            SkipReason::TooMany => "too_many",
            SkipReason::TooOld => "too_old",
            SkipReason::Overlap => "overlap",
            SkipReason::Ended => "ended",
        }
    }
}

/// What is to be done with the instants that are due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catch {
    /// Not carried out, oldest first.
    pub skipped: Vec<(TimestampMs, SkipReason)>,
    /// To be carried out, oldest first.
    pub due: Vec<TimestampMs>,
    /// What comes next. Due already, when not everything was looked at.
    pub next: Option<TimestampMs>,
}

/// Decides about the instants from `next` to `now`.
pub fn settle(plan: &Plan, next: TimestampMs, now: TimestampMs) -> Catch {
    let mut catch = Catch::default();
    let mut first = Some(next);
    let horizon = TimestampMs(now.0.saturating_sub_unsigned(plan.catch_up_ms));
    if next < horizon {
        catch.skipped.push((next, SkipReason::TooOld));
        first = plan.next(next.max(TimestampMs(horizon.0 - 1)));
    }
    let most = match plan.misfire {
        Misfire::All { max } => max.max(1) as usize,
        Misfire::Once | Misfire::Skip => 1,
    };
    let mut found: Vec<TimestampMs> =
        std::iter::successors(first, |at| plan.next(*at)).take_while(|at| *at <= now).take(STEP + most).collect();
    catch.next = match found.last() {
        Some(last) => plan.next(*last),
        None => first,
    };
    let is_cut = catch.next.is_some_and(|next| next <= now);
    if is_cut {
        // Whatever comes, these are not among the newest.
        found.truncate(STEP);
        catch.next = found.last().and_then(|last| plan.next(*last));
    }
    let kept = if is_cut { 0 } else { most.min(found.len()) };
    let reason = match plan.misfire {
        Misfire::Once => SkipReason::Coalesced,
        Misfire::Skip => SkipReason::Missed,
        Misfire::All { .. } => SkipReason::TooMany,
    };
    let newest = found.split_off(found.len() - kept);
    catch.skipped.extend(found.into_iter().map(|at| (at, reason)));
    for at in newest {
        if plan.misfire == Misfire::Skip && at.plus_ms(LATE_MS) < now {
            catch.skipped.push((at, SkipReason::Missed));
        } else {
            catch.due.push(at);
        }
    }
    catch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Overlap, Spec};

    const HOUR: i64 = 3_600_000;

    fn hourly(misfire: Misfire) -> Plan {
        Plan {
            spec: Spec::Every { every_ms: HOUR as u64, anchor_ms: TimestampMs(0), zone: "UTC".into() },
            until_ms: None,
            max_runs: None,
            misfire,
            catch_up_ms: 24 * HOUR as u64,
            overlap: Overlap::Skip,
        }
    }

    fn hours(of: &[TimestampMs]) -> Vec<i64> {
        of.iter().map(|at| at.0 / HOUR).collect()
    }

    fn settled(misfire: Misfire, next: i64, now: i64) -> Catch {
        settle(&hourly(misfire), TimestampMs(next * HOUR), TimestampMs(now))
    }

    #[test]
    fn what_is_in_time_is_carried_out_whatever_the_policy() {
        for misfire in [Misfire::Once, Misfire::Skip, Misfire::All { max: 3 }] {
            let catch = settled(misfire, 5, 5 * HOUR + 40);
            assert_eq!((hours(&catch.due), catch.skipped, catch.next), (vec![5], vec![], Some(TimestampMs(6 * HOUR))));
        }
    }

    #[test]
    fn each_policy_says_what_becomes_of_what_was_missed() {
        let now = 8 * HOUR + HOUR / 2;
        let catch = settled(Misfire::Once, 5, now);
        assert_eq!((hours(&catch.due), catch.skipped.len(), catch.next), (vec![8], 3, Some(TimestampMs(9 * HOUR))));
        assert!(catch.skipped.iter().all(|(_, reason)| *reason == SkipReason::Coalesced));
        let catch = settled(Misfire::Skip, 5, now);
        assert_eq!((catch.due, catch.skipped.len(), catch.next), (vec![], 4, Some(TimestampMs(9 * HOUR))));
        let catch = settled(Misfire::All { max: 3 }, 5, now);
        assert_eq!(
            (hours(&catch.due), catch.skipped),
            (vec![6, 7, 8], vec![(TimestampMs(5 * HOUR), SkipReason::TooMany)])
        );
    }

    #[test]
    fn what_lies_too_far_back_is_told_once() {
        let catch = settled(Misfire::All { max: 100 }, 5, 100 * HOUR);
        assert_eq!(catch.skipped, [(TimestampMs(5 * HOUR), SkipReason::TooOld)]);
        assert_eq!(hours(&catch.due), (76..=100).collect::<Vec<_>>());
        let once = Plan { spec: Spec::Once { at_ms: TimestampMs(HOUR), zone: "UTC".into() }, ..hourly(Misfire::Once) };
        let catch = settle(&once, TimestampMs(HOUR), TimestampMs(25 * HOUR + 1));
        assert_eq!((catch.due, catch.skipped.len(), catch.next), (vec![], 1, None));
    }

    #[test]
    fn many_are_settled_step_by_step_and_none_is_left_out() {
        let plan = Plan {
            spec: Spec::Every { every_ms: 1000, anchor_ms: TimestampMs(0), zone: "UTC".into() },
            ..hourly(Misfire::All { max: 10 })
        };
        let (mut next, now, mut told, mut due) = (TimestampMs(1000), TimestampMs(2_000_000), 0, Vec::new());
        while next <= now {
            let catch = settle(&plan, next, now);
            told += catch.skipped.len();
            due.extend(catch.due);
            next = catch.next.unwrap();
        }
        assert_eq!((told, due.len(), due[0], next), (1990, 10, TimestampMs(1_991_000), TimestampMs(2_001_000)));
    }
}
