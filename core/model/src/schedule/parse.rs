//! Reads what people and agents write for a time: `in 10m`, `weekdays 09:00 Europe/Berlin`, an instant, a cron expression.

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};

use super::{Spec, cron::Cron, duration, zone};
use crate::TimestampMs;

/// The shortest distance of two instants, in milliseconds.
const SHORTEST_MS: u64 = 1_000;

/// What is wrong with a time that was written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It has none of the forms.
    #[error(
        "`{found}` is no time that is understood; wanted one of `in 10m`, `at 14:30`, `tomorrow 09:00`, `every 15m`, \
         `every day at 09:00`, `weekdays 09:00 Europe/Berlin`, `mondays 08:30`, an instant as in `2026-12-01T09:00:00Z`, \
         or a cron expression as in `0 9 * * 1-5`"
    )]
    Unknown {
        /// What was found, shortened.
        found: String,
    },
    /// A time of day is none.
    #[error("`{found}` is no time of day; wanted HH:MM or HH:MM:SS, from 00:00 to 23:59:59")]
    TimeOfDay {
        /// What was found, shortened.
        found: String,
    },
    /// A span is none.
    #[error("`{found}` is no span; wanted as in `10m`, `1h30m` or `2 days`, ten years at most")]
    Span {
        /// What was found, shortened.
        found: String,
    },
    /// Instants would come too close to each other.
    #[error("every {found_ms} milliseconds is too often; wanted a second at least")]
    TooOften {
        /// The distance, in milliseconds.
        found_ms: u64,
    },
    /// A zone is not in the database.
    #[error("`{found}` is no time zone; wanted an IANA name as in `Europe/Berlin` or `UTC`")]
    Zone {
        /// What was found, shortened.
        found: String,
    },
    /// Two zones are named.
    #[error("the time names the zone `{written}` and the command `{named}`; wanted one of them")]
    TwoZones {
        /// The one in the text.
        written: String,
        /// The other.
        named: String,
    },
    /// A cron expression has another number of fields.
    #[error("a cron expression has {found} fields; wanted 5 (from the minute on) or 6 (from the second on)")]
    Fields {
        /// How many it has.
        found: usize,
    },
    /// A field of a cron expression is none.
    #[error(
        "the {field} `{found}` of a cron expression; wanted `*`, numbers from {first} to {last}, ranges, lists or steps"
    )]
    Field {
        /// Which.
        field: &'static str,
        /// What was found, shortened.
        found: String,
        /// The smallest number that it takes.
        first: u32,
        /// The largest.
        last: u32,
    },
    /// The only instant is over.
    #[error("`{found}` is over; wanted a time to come")]
    Past {
        /// What was found, shortened.
        found: String,
    },
    /// No instant ever comes.
    #[error("`{found}` never comes")]
    Never {
        /// What was found, shortened.
        found: String,
    },
}

/// The circumstances in which a time is read.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The instant of the reading.
    pub now: TimestampMs,
    /// The zone that was named beside the text.
    pub zone: Option<&'a str>,
    /// The zone when none is named.
    pub usual_zone: &'a str,
}

/// Reads a time: one instant or many. At least one of them is to come.
pub fn read(text: &str, how: Read<'_>) -> Result<Spec, WhenError> {
    let (words, zone) = split_zone(text, how)?;
    let zone_name = zone::name(&zone).to_owned();
    let spec = match words.iter().map(|word| word.to_ascii_lowercase()).collect::<Vec<_>>().as_slice() {
        [first, rest @ ..] if first == "every" && is_span(rest) => every(rest, &words, how, &zone)?,
        lower if is_cron(lower) => Spec::Cron { expression: words.join(" "), zone: zone_name },
        lower => match days_of_week(lower)? {
            Some(expression) => Spec::Cron { expression, zone: zone_name },
            None => Spec::Once { at_ms: once(lower, &words, how, &zone)?, zone: zone_name },
        },
    };
    if let Spec::Cron { expression, .. } = &spec {
        Cron::read(expression)?;
    }
    match spec.next(how.now) {
        Some(_) => Ok(spec),
        None if spec.is_once() => Err(WhenError::Past { found: short(text) }),
        None => Err(WhenError::Never { found: short(text) }),
    }
}

/// Reads one instant to come.
pub fn read_instant(text: &str, how: Read<'_>) -> Result<TimestampMs, WhenError> {
    match read(text, how)? {
        Spec::Once { at_ms, .. } => Ok(at_ms),
        Spec::Every { .. } | Spec::Cron { .. } => Err(WhenError::Unknown { found: short(text) }),
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Takes the zone off the end.
fn split_zone<'t>(text: &'t str, how: Read<'_>) -> Result<(Vec<&'t str>, TimeZone), WhenError> {
    let unknown = |name: &str| WhenError::Zone { found: short(name) };
    let named = match how.zone {
        Some(name) => Some(zone::named(name).ok_or_else(|| unknown(name))?),
        None => None,
    };
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let written = match words.last() {
        Some(last) if looks_like_zone(last) => Some(zone::named(last).ok_or_else(|| unknown(last))?),
        _ => None,
    };
    if written.is_some() {
        words.pop();
    }
    let zone = match (written, named) {
        (Some(written), Some(named)) if written != named => {
            let (written, named) = (zone::name(&written).to_owned(), zone::name(&named).to_owned());
            return Err(WhenError::TwoZones { written, named });
        }
        (Some(zone), _) | (None, Some(zone)) => zone,
        (None, None) => zone::named(how.usual_zone).ok_or_else(|| unknown(how.usual_zone))?,
    };
    Ok((words, zone))
}

/// An area and a place, or UTC. `mon/2` is a step.
fn looks_like_zone(word: &str) -> bool {
    let is_area = |area: &str| area.len() > 3 || area.eq_ignore_ascii_case("etc");
    let starts = word.starts_with(|letter: char| letter.is_ascii_alphabetic());
    word.eq_ignore_ascii_case("utc") || starts && word.split_once('/').is_some_and(|(area, _)| is_area(area))
}

fn is_span(words: &[String]) -> bool {
    words.first().is_some_and(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
        || matches!(words, [unit] | [unit, ..] if matches!(unit.as_str(), "second" | "minute" | "hour"))
}

/// `every 15m`, `every 2 hours from 2026-12-01T09:00:00Z`.
fn every(lower: &[String], words: &[&str], how: Read<'_>, zone: &TimeZone) -> Result<Spec, WhenError> {
    let from = lower.iter().position(|word| word == "from");
    let span = lower[..from.unwrap_or(lower.len())].join(" ");
    let every_ms = duration::read(&span).ok_or_else(|| WhenError::Span { found: short(&span) })?;
    if every_ms < SHORTEST_MS {
        return Err(WhenError::TooOften { found_ms: every_ms });
    }
    let anchor_ms = match from {
        // The word `every` was not counted.
        Some(at) => {
            let text = words[at + 2..].join(" ");
            absolute(&text, zone).ok_or(WhenError::Unknown { found: short(&text) })?
        }
        None => how.now,
    };
    Ok(Spec::Every { every_ms, anchor_ms, zone: zone::name(zone).to_owned() })
}

fn is_cron(words: &[String]) -> bool {
    let is_field = |word: &String| {
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*,-/?".contains(&byte))
            && word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'*')
    };
    matches!(words.len(), 4..=7) && words.iter().filter(|word| is_field(word)).count() >= 3 && is_field(&words[0])
}

/// `weekdays 09:00`, `every day at 09:00`, `mondays and thursdays 08:30`: returns a cron expression, when it is one of these.
fn days_of_week(words: &[String]) -> Result<Option<String>, WhenError> {
    let (is_every, words) = match words {
        [first, rest @ ..] if first == "every" => (true, rest),
        words => (false, words),
    };
    let Some((time, days)) = words.split_last() else { return Ok(None) };
    let days = match days {
        [days @ .., at] if at == "at" => days,
        days => days,
    };
    let joined = days.join(" ").replace(" and ", ",").replace(", ", ",");
    let set = match joined.as_str() {
        "daily" => "*".to_owned(),
        "day" if is_every => "*".to_owned(),
        "weekdays" => "1-5".to_owned(),
        "weekday" if is_every => "1-5".to_owned(),
        "weekends" => "0,6".to_owned(),
        listed => {
            let days: Option<Vec<String>> = listed.split(',').map(|day| weekday(day, is_every)).collect();
            let Some(days) = days else { return Ok(None) };
            days.join(",")
        }
    };
    let time = time_of_day(time)?;
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let second = if second == 0 { String::new() } else { format!("{second} ") };
    Ok(Some(format!("{second}{minute} {hour} * * {set}")))
}

/// `mondays`, or `monday` after `every`: its number, Sunday is 0.
fn weekday(word: &str, is_every: bool) -> Option<String> {
    const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    let at = DAYS.iter().position(|day| word.strip_suffix('s') == Some(*day) || is_every && word == *day)?;
    Some(at.to_string())
}

fn once(lower: &[String], words: &[&str], how: Read<'_>, zone: &TimeZone) -> Result<TimestampMs, WhenError> {
    let unknown = || WhenError::Unknown { found: short(&words.join(" ")) };
    match lower {
        [first, rest @ ..] if first == "in" && !rest.is_empty() => {
            let span = rest.join(" ");
            let ms = duration::read(&span).ok_or_else(|| WhenError::Span { found: short(&span) })?;
            Ok(how.now.plus_ms(ms))
        }
        [first, time] if first == "at" && !time.contains('t') && !time.contains('-') => {
            let today = on_day(0, time, how, zone)?;
            if today > how.now { Ok(today) } else { on_day(1, time, how, zone) }
        }
        [day, time] | [day, _, time] if day == "today" || day == "tomorrow" => {
            if let [_, at, _] = lower
                && at != "at"
            {
                return Err(unknown());
            }
            on_day(i64::from(day == "tomorrow"), time, how, zone)
        }
        [first, ..] if first == "at" => absolute(&words[1..].join(" "), zone).ok_or_else(unknown),
        _ => absolute(&words.join(" "), zone).ok_or_else(unknown),
    }
}

/// A time of day, so many days from today.
fn on_day(days: i64, time: &str, how: Read<'_>, zone: &TimeZone) -> Result<TimestampMs, WhenError> {
    let time = time_of_day(time)?;
    let never = || WhenError::Never { found: short(&time.to_string()) };
    let today = zone::wall(zone, how.now).ok_or_else(never)?.date();
    let date = today.checked_add(jiff::Span::new().days(days)).map_err(|_| never())?;
    zone::instant(zone, date.to_datetime(time)).ok_or_else(never)
}

fn time_of_day(text: &str) -> Result<Time, WhenError> {
    let wrong = || WhenError::TimeOfDay { found: short(text) };
    let mut parts = text.split(':').map(|part| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<i8>().ok()).flatten()
    });
    let (hour, minute) = (parts.next().flatten().ok_or_else(wrong)?, parts.next().flatten().ok_or_else(wrong)?);
    let second = match parts.next() {
        Some(second) => second.ok_or_else(wrong)?,
        None => 0,
    };
    // A leap second is none of ours.
    if parts.next().is_some() || second > 59 {
        return Err(wrong());
    }
    Time::new(hour, minute, second, 0).map_err(|_| wrong())
}

/// An instant of RFC 3339, or a date with a time of the zone.
fn absolute(text: &str, zone: &TimeZone) -> Option<TimestampMs> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(TimestampMs(at.as_millisecond()));
    }
    if !text.contains(':') {
        return None;
    }
    zone::instant(zone, text.parse::<DateTime>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::words;

    /// A Friday, 12:30 in Berlin.
    const NOW: &str = "2026-11-27T11:30:00Z";

    fn now() -> TimestampMs {
        TimestampMs(NOW.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn how(zone: Option<&str>) -> Read<'_> {
        Read { now: now(), zone, usual_zone: "Europe/Berlin" }
    }

    fn understood(text: &str) -> (String, String) {
        let spec = read(text, how(None)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let next = Timestamp::from_millisecond(spec.next(now()).unwrap().0).unwrap();
        (words::words(&spec), next.to_string())
    }

    #[test]
    fn every_form_is_understood_and_told_in_words() {
        for (text, words, next) in [
            ("in 10m", "once, on Friday 2026-11-27 at 12:40:00 (Europe/Berlin)", "2026-11-27T11:40:00Z"),
            ("In 1 hour 30 minutes", "once, on Friday 2026-11-27 at 14:00:00 (Europe/Berlin)", "2026-11-27T13:00:00Z"),
            ("at 14:30", "once, on Friday 2026-11-27 at 14:30:00 (Europe/Berlin)", "2026-11-27T13:30:00Z"),
            ("at 9:00", "once, on Saturday 2026-11-28 at 09:00:00 (Europe/Berlin)", "2026-11-28T08:00:00Z"),
            ("tomorrow 09:00", "once, on Saturday 2026-11-28 at 09:00:00 (Europe/Berlin)", "2026-11-28T08:00:00Z"),
            ("tomorrow at 09:00 UTC", "once, on Saturday 2026-11-28 at 09:00:00 (UTC)", "2026-11-28T09:00:00Z"),
            ("every 15m", "every 15 minutes", "2026-11-27T11:45:00Z"),
            ("every hour", "every hour", "2026-11-27T12:30:00Z"),
            ("every 36h from 2026-11-27T00:00:00Z", "every 36 hours", "2026-11-28T12:00:00Z"),
            ("every day at 09:00", "every day at 09:00 (Europe/Berlin)", "2026-11-28T08:00:00Z"),
            ("daily 09:00:30", "every day at 09:00:30 (Europe/Berlin)", "2026-11-28T08:00:30Z"),
            ("weekdays 09:00 Europe/Berlin", "every Monday to Friday at 09:00 (Europe/Berlin)", "2026-11-30T08:00:00Z"),
            ("every weekday at 13:00", "every Monday to Friday at 13:00 (Europe/Berlin)", "2026-11-27T12:00:00Z"),
            ("mondays 08:30", "every Monday at 08:30 (Europe/Berlin)", "2026-11-30T07:30:00Z"),
            (
                "every monday and thursday at 08:30",
                "every Monday and Thursday at 08:30 (Europe/Berlin)",
                "2026-11-30T07:30:00Z",
            ),
            (
                "weekends 10:00 america/new_york",
                "every Sunday and Saturday at 10:00 (America/New_York)",
                "2026-11-28T15:00:00Z",
            ),
            ("2026-12-01T09:00:00Z", "once, on Tuesday 2026-12-01 at 10:00:00 (Europe/Berlin)", "2026-12-01T09:00:00Z"),
            ("2026-12-01 09:00", "once, on Tuesday 2026-12-01 at 09:00:00 (Europe/Berlin)", "2026-12-01T08:00:00Z"),
            ("0 9 * * 1-5", "every Monday to Friday at 09:00 (Europe/Berlin)", "2026-11-30T08:00:00Z"),
            ("*/5 * * * * UTC", "by the cron expression `*/5 * * * *` (UTC)", "2026-11-27T11:35:00Z"),
            ("*/10 * * * * *", "by the cron expression `*/10 * * * * *` (Europe/Berlin)", "2026-11-27T11:30:10Z"),
        ] {
            assert_eq!(understood(text), (words.to_owned(), next.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_what_was_wanted() {
        for (text, says) in [
            ("sometimes", "`sometimes` is no time that is understood; wanted one of `in 10m`"),
            ("", "is no time that is understood"),
            ("in a while", "`a while` is no span"),
            ("at 25:00", "`25:00` is no time of day; wanted HH:MM"),
            ("at 12:00:60", "no time of day"),
            ("every day at noon", "`noon` is no time of day"),
            ("weekdays 09:00 Europe/Berln", "`Europe/Berln` is no time zone"),
            ("today 09:00", "`today 09:00` is over; wanted a time to come"),
            ("2020-01-01T00:00:00Z", "is over"),
            ("0 0 31 2 *", "never comes"),
            ("0 9 * *", "4 fields; wanted 5"),
            ("0 9 * * 1-9", "the day of the week `1-9`"),
            ("every 0m", "`0m` is no span"),
        ] {
            let error = read(text, how(None)).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let error = read("at 09:00 UTC", how(Some("Asia/Tokyo"))).unwrap_err();
        assert_eq!(error, WhenError::TwoZones { written: "UTC".into(), named: "Asia/Tokyo".into() });
    }

    #[test]
    fn nothing_that_is_written_ends_in_a_panic() {
        proptest::proptest!(|(text in "[ -~]{0,40}")| drop(read(&text, how(None))));
        proptest::proptest!(|(text in "(in|at|every|[0-9]{1,3}|\\*|[:/,-]| |mon|days|UTC|from){1,12}")| drop(read(&text, how(None))));
    }
}
