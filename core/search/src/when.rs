//! Moments as people type them: a day, a day with a time, or how long ago. All in UTC.

use std::fmt::Write;

use tieline_model::TimestampMs;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Reads `2026-11-20`, `2026-11-20T14:30`, or `7d` for seven days before `now`.
pub fn moment(text: &str, now: TimestampMs) -> Option<TimestampMs> {
    if let Some(ago) = span_ms(text) {
        return Some(TimestampMs(now.0.checked_sub(ago)?));
    }
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let day = day_number(date)?;
    let of_day = match time {
        Some(time) => minute_of_day(time.strip_suffix('Z').unwrap_or(time))? * MINUTE_MS,
        None => 0,
    };
    Some(TimestampMs(day * DAY_MS + of_day))
}

/// Writes a moment in UTC to the minute, as [`moment`] reads it.
pub fn day_and_time(at: TimestampMs) -> String {
    let (days, minute) = (at.0.div_euclid(DAY_MS), at.0.rem_euclid(DAY_MS) / MINUTE_MS);
    let (year, month, day) = civil(days);
    let mut out = String::with_capacity(17);
    // Writing to a String cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", minute / 60, minute % 60);
    out
}

/// Returns the date of a day since 1970-01-01 in the Gregorian calendar.
fn civil(mut days: i64) -> (i64, i64, i64) {
    let length = |year: i64| 337 + days_in(year, 2);
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += length(year);
    }
    while days >= length(year) {
        days -= length(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

/// Reads a span: minutes, hours, days or weeks.
fn span_ms(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let unit_ms = match unit {
        'm' => MINUTE_MS,
        'h' => 60 * MINUTE_MS,
        'd' => DAY_MS,
        'w' => 7 * DAY_MS,
        _ => return None,
    };
    digits(&text[..text.len() - 1], 1, 6)?.checked_mul(unit_ms)
}

fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (digits(hour, 2, 2)?, digits(minute, 2, 2)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Counts the days from 1970-01-01 to a date of the Gregorian calendar.
fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4, 4)?, digits(parts.next()?, 2, 2)?, digits(parts.next()?, 2, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) || year < 1970
    {
        return None;
    }
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let whole_years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let whole_months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    Some(whole_years + whole_months + day - 1)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits(text: &str, least: usize, most: usize) -> Option<i64> {
    let is_number = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs(1_795_000_000_000);

    #[test]
    fn dates_and_spans_are_read() {
        let cases = [
            ("1970-01-01", 0),
            ("1970-01-02T00:01", DAY_MS + MINUTE_MS),
            ("2000-02-29", 951_782_400_000),
            ("2026-11-20T14:30Z", 1_795_185_000_000),
            ("7d", NOW.0 - 7 * DAY_MS),
            ("90m", NOW.0 - 90 * MINUTE_MS),
            ("2w", NOW.0 - 14 * DAY_MS),
        ];
        for (text, wanted) in cases {
            assert_eq!(moment(text, NOW), Some(TimestampMs(wanted)), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(day_and_time(TimestampMs(1_795_185_000_000)), "2026-11-20T14:30Z");
        assert_eq!(day_and_time(TimestampMs(-1)), "1969-12-31T23:59Z");
        for day in (0..60_000).step_by(17) {
            let at = TimestampMs(day * DAY_MS + (day % 1_440) * MINUTE_MS);
            assert_eq!(moment(&day_and_time(at), NOW), Some(at));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["", "d", "7", "7y", "-7d", "yesterday", "2026-13-01", "2026-02-29", "2026-1-1", "2026-01-01T24:00", "7ä"]
        {
            assert_eq!(moment(text, NOW), None, "{text}");
        }
    }
}
