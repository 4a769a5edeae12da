//! What a schedule says: the instants, how long they go on, and what becomes of those that could not be kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Misfire, cron::Cron, zone};
use crate::TimestampMs;

/// How long a missed instant is caught up with by default, when more follow it.
const CATCH_UP_MS: u64 = 24 * 3_600_000;
/// The same when none does.
const CATCH_UP_ONCE_MS: u64 = 7 * 24 * 3_600_000;

/// The instants of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Spec {
    /// One instant.
    Once {
        /// Which.
        at_ms: TimestampMs,
        /// The IANA zone in which it was named and is shown.
        zone: String,
    },
    /// An instant, and more at a fixed distance in UTC.
    Every {
        /// The distance, in milliseconds.
        every_ms: u64,
        /// One of the instants; the first, when it is not in the past.
        anchor_ms: TimestampMs,
        /// The IANA zone in which they are shown.
        zone: String,
    },
    /// The times on the clocks of a zone that a cron expression names.
    Cron {
        /// Five fields from the minute on, or six from the second on.
        expression: String,
        /// The IANA zone.
        zone: String,
    },
}

/// What becomes of an instant while an ask of the one before is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Skip,
    /// One is held back until the ask is closed; more are skipped.
    BufferOne,
    /// It is carried out all the same.
    Allow,
}

/// A spec with its limits and policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The instants.
    pub spec: Spec,
    /// None after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<TimestampMs>,
    /// At most so many are carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u64>,
    /// What becomes of instants at which the daemon could do nothing.
    pub misfire: Misfire,
    /// How far back missed instants are looked at, in milliseconds.
    pub catch_up_ms: u64,
    /// What becomes of an instant while an ask is open.
    pub overlap: Overlap,
}

impl Spec {
    /// Returns the first instant after this one, or `None` when none comes.
    pub fn next(&self, after: TimestampMs) -> Option<TimestampMs> {
        match self {
            Spec::Once { at_ms, .. } => Some(*at_ms).filter(|at| *at > after),
            Spec::Every { every_ms, anchor_ms, .. } => next_multiple(*every_ms, *anchor_ms, after),
            Spec::Cron { expression, zone } => {
                let (cron, zone) = (Cron::read(expression).ok()?, zone::named(zone)?);
                let mut wall = zone::wall(&zone, after)?;
                loop {
                    wall = cron.next(wall)?;
                    // In an hour that comes twice the times of its second pass were kept in the first.
                    let at = zone::instant(&zone, wall)?;
                    if at > after {
                        return Some(at);
                    }
                }
            }
        }
    }

    /// Returns the zone in which it is shown.
    pub fn zone(&self) -> &str {
        match self {
            Spec::Once { zone, .. } | Spec::Every { zone, .. } | Spec::Cron { zone, .. } => zone,
        }
    }

    /// Tells whether it has one instant only.
    pub const fn is_once(&self) -> bool {
        matches!(self, Spec::Once { .. })
    }

    /// Tells whether its instants depend on the rules of a time zone.
    pub const fn needs_zone_data(&self) -> bool {
        matches!(self, Spec::Cron { .. })
    }

    /// Returns how far back missed instants are looked at when nothing else is said, in milliseconds.
    pub const fn usual_catch_up_ms(&self) -> u64 {
        if self.is_once() { CATCH_UP_ONCE_MS } else { CATCH_UP_MS }
    }
}

impl Plan {
    /// Returns the first instant after this one, or `None` when none comes.
    pub fn next(&self, after: TimestampMs) -> Option<TimestampMs> {
        self.spec.next(after).filter(|at| self.until_ms.is_none_or(|until| *at <= until))
    }

    /// Returns the next instants from `first` on, at most so many.
    pub fn upcoming(&self, first: Option<TimestampMs>, most: usize) -> Vec<TimestampMs> {
        std::iter::successors(first, |at| self.next(*at)).take(most).collect()
    }
}

fn next_multiple(every_ms: u64, anchor: TimestampMs, after: TimestampMs) -> Option<TimestampMs> {
    let every = i64::try_from(every_ms).ok().filter(|every| *every > 0)?;
    if after < anchor {
        return Some(anchor);
    }
    let passed = after.0.checked_sub(anchor.0)? / every;
    Some(TimestampMs(anchor.0.checked_add(every.checked_mul(passed.checked_add(1)?)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> TimestampMs {
        TimestampMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn cron(expression: &str, zone: &str) -> Spec {
        Spec::Cron { expression: expression.into(), zone: zone.into() }
    }

    fn texts(spec: &Spec, after: &str, most: usize) -> Vec<String> {
        std::iter::successors(spec.next(ms(after)), |at| spec.next(*at))
            .take(most)
            .map(|at| jiff::Timestamp::from_millisecond(at.0).unwrap().to_string())
            .collect()
    }

    #[test]
    fn a_time_in_the_gap_is_kept_once_at_its_end() {
        let found = texts(&cron("30 2 * * *", "America/New_York"), "2027-03-13T00:00:00Z", 3);
        assert_eq!(found, ["2027-03-13T07:30:00Z", "2027-03-14T07:00:00Z", "2027-03-15T06:30:00Z"]);
        let found = texts(&cron("*/15 * * * *", "America/New_York"), "2027-03-14T06:45:00Z", 2);
        assert_eq!(found, ["2027-03-14T07:00:00Z", "2027-03-14T07:15:00Z"]);
    }

    #[test]
    fn a_time_that_comes_twice_is_kept_at_the_first() {
        let found = texts(&cron("30 1 * * *", "America/New_York"), "2027-11-07T00:00:00Z", 2);
        assert_eq!(found, ["2027-11-07T05:30:00Z", "2027-11-08T06:30:00Z"]);
        let found = texts(&cron("*/30 * * * *", "America/New_York"), "2027-11-07T05:30:00Z", 2);
        assert_eq!(found, ["2027-11-07T07:00:00Z", "2027-11-07T07:30:00Z"]);
        // Asked in the middle of the second pass.
        let found = texts(&cron("* * * * *", "America/New_York"), "2027-11-07T06:20:00Z", 1);
        assert_eq!(found, ["2027-11-07T07:00:00Z"]);
    }

    #[test]
    fn every_counts_in_utc_from_its_anchor() {
        let every = |anchor| Spec::Every { every_ms: 900_000, anchor_ms: ms(anchor), zone: "Europe/Berlin".into() };
        let found = texts(&every("2027-03-28T00:50:00Z"), "2027-03-28T00:50:00Z", 2);
        assert_eq!(found, ["2027-03-28T01:05:00Z", "2027-03-28T01:20:00Z"]);
        assert_eq!(texts(&every("2028-01-01T00:00:00Z"), "2027-01-01T00:00:00Z", 1), ["2028-01-01T00:00:00Z"]);
    }

    #[test]
    fn once_comes_once_and_until_ends() {
        let once = Spec::Once { at_ms: TimestampMs(100), zone: "UTC".into() };
        assert_eq!((once.next(TimestampMs(99)), once.next(TimestampMs(100))), (Some(TimestampMs(100)), None));
        let plan = Plan {
            spec: Spec::Every { every_ms: 10, anchor_ms: TimestampMs(0), zone: "UTC".into() },
            until_ms: Some(TimestampMs(20)),
            max_runs: None,
            misfire: Misfire::Once,
            catch_up_ms: 1,
            overlap: Overlap::Skip,
        };
        assert_eq!(plan.upcoming(plan.next(TimestampMs(5)), 5), [TimestampMs(10), TimestampMs(20)]);
    }
}
