//! Times and spans for people.

use std::time::{Duration, UNIX_EPOCH};

use tieline_model::TimestampMs;

const DAY_MS: i64 = 86_400_000;

/// Writes a time as date and time of day in UTC.
pub fn stamp(at: TimestampMs) -> String {
    let ms = u64::try_from(at.0).unwrap_or(0);
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        Some(time) if ms < 253_402_300_800_000 => humantime::format_rfc3339_millis(time).to_string().replace('T', " "),
        _ => format!("{} ms", at.0),
    }
}

/// Writes the time of day in UTC, to the millisecond.
pub fn clock(at: TimestampMs) -> String {
    stamp(at).split_once(' ').map_or_else(|| stamp(at), |(_, time)| time.to_owned())
}

/// Writes how long ago something was, or its date when that is long ago or yet to come.
pub fn ago(at: TimestampMs, now: TimestampMs) -> String {
    match now.0 - at.0 {
        // Clocks of two machines differ by a little.
        -2_000..2_000 => "just now".into(),
        2_000..60_000 => format!("{} s ago", (now.0 - at.0) / 1_000),
        60_000..3_600_000 => format!("{} min ago", (now.0 - at.0) / 60_000),
        3_600_000..DAY_MS => format!("{} h ago", (now.0 - at.0) / 3_600_000),
        _ => stamp(at).chars().take(16).collect(),
    }
}

/// Writes a span.
pub fn span(ms: i64) -> String {
    match ms {
        ..0 => format!("{ms} ms"),
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms % 1_000 < 100 => format!("{} s", ms / 1_000),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = TimestampMs(1_795_559_400_120);
        assert_eq!(stamp(at), "2026-11-24 22:30:00.120Z");
        assert_eq!(clock(at), "22:30:00.120Z");
        assert_eq!(stamp(TimestampMs(i64::MAX)), "9223372036854775807 ms");
        for (later, wanted) in [
            (0, "just now"),
            (-1, "just now"),
            (59_999, "59 s ago"),
            (60_000, "1 min ago"),
            (7_200_000, "2 h ago"),
            (2 * DAY_MS, "2026-11-24 22:30"),
            (-DAY_MS, "2026-11-24 22:30"),
        ] {
            assert_eq!(ago(at, TimestampMs(at.0 + later)), wanted);
        }
    }

    #[test]
    fn spans() {
        let found = [12, 2_000, 1_250, 61_000, 3_700_000].map(span);
        assert_eq!(found, ["12 ms", "2 s", "1.2 s", "1 min 1 s", "1 h 1 min"]);
    }
}
