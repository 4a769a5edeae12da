//! Cron expressions of five or six fields, as sets of numbers, and the next time on the wall that is in all of them.

use jiff::civil::{Date, DateTime};

use super::WhenError;

/// How many years ahead is looked. The 29th of February comes on each weekday within 40.
const YEARS: i16 = 41;
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One field: what it is called, which numbers it takes, and names for some of them.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", first: 0, last: 59, names: &[] };
const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: MONTHS };
/// 7 is Sunday too.
const WEEKDAY: Field = Field { name: "day of the week", first: 0, last: 7, names: WEEKDAYS };

/// An expression. Each set has a bit for each of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    pub seconds: u64,
    pub minutes: u64,
    pub hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days are restricted: one of them is enough, as cron has always had it.
    either_day: bool,
}

impl Cron {
    /// Reads five fields (from the minute on) or six (from the second on).
    pub fn read(text: &str) -> Result<Self, WhenError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (second, rest) = match fields.as_slice() {
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            rest if rest.len() == 5 => ("0", rest),
            _ => return Err(WhenError::Fields { found: fields.len() }),
        };
        let weekdays = set(&WEEKDAY, rest[4])?;
        Ok(Self {
            seconds: set(&SECOND, second)?,
            minutes: set(&MINUTE, rest[0])?,
            hours: set(&HOUR, rest[1])?,
            days: set(&DAY, rest[2])?,
            months: set(&MONTH, rest[3])?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !rest[2].starts_with('*') && !rest[4].starts_with('*'),
        })
    }

    /// Returns the days of the week when they alone say on which days, Sunday first.
    pub fn only_weekdays(&self) -> Option<[bool; 7]> {
        let is_any_date = self.days == full(&DAY) && self.months == full(&MONTH);
        is_any_date.then(|| std::array::from_fn(|day| has(self.weekdays, day as u32)))
    }

    /// Returns the next time after this one, in whole seconds, or `None` when none comes.
    pub fn next(&self, after: DateTime) -> Option<DateTime> {
        let start =
            after.with().subsec_nanosecond(0).build().ok()?.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
        let mut date = start.date();
        let last_year = date.year().saturating_add(YEARS);
        while date.year() <= last_year {
            if !has(self.months, number(date.month())) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.is_on(date) {
                let from = if date == start.date() {
                    (number(start.hour()), number(start.minute()), number(start.second()))
                } else {
                    (0, 0, 0)
                };
                if let Some((hour, minute, second)) = self.time(from) {
                    return Some(date.at(small(hour), small(minute), small(second), 0));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        let day = has(self.days, number(date.day()));
        let weekday = has(self.weekdays, number(date.weekday().to_sunday_zero_offset()));
        if self.either_day { day || weekday } else { day && weekday }
    }

    /// Returns the first time of a day that is not before this one.
    fn time(&self, (hour, minute, second): (u32, u32, u32)) -> Option<(u32, u32, u32)> {
        let (first_minute, first_second) = (from(self.minutes, 0)?, from(self.seconds, 0)?);
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = from(self.seconds, second)
            {
                return Some((hour, minute, second));
            }
            if let Some(minute) = from(self.minutes, minute + 1) {
                return Some((hour, minute, first_second));
            }
        }
        from(self.hours, hour + 1).map(|hour| (hour, first_minute, first_second))
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

fn from(set: u64, number: u32) -> Option<u32> {
    let rest = set.checked_shr(number).unwrap_or_default();
    (rest != 0).then(|| number + rest.trailing_zeros())
}

fn full(field: &Field) -> u64 {
    (field.first..=field.last).fold(0, |set, number| set | 1 << number)
}

fn number(part: i8) -> u32 {
    u32::from(part.unsigned_abs())
}

fn small(part: u32) -> i8 {
    i8::try_from(part).unwrap_or_default()
}

/// Reads a list of `*`, numbers, names, ranges and steps.
fn set(field: &Field, text: &str) -> Result<u64, WhenError> {
    let wrong = || WhenError::Field {
        field: field.name,
        found: text.chars().take(40).collect(),
        first: field.first,
        last: field.last,
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| (1..=59).contains(step)))),
            None => (part, None),
        };
        let step = match step {
            Some(step) => Some(step.ok_or_else(wrong)?),
            None => None,
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (field.first, if field.last == 7 { 6 } else { field.last }),
            Some((first, last)) => (one(field, first).ok_or_else(wrong)?, one(field, last).ok_or_else(wrong)?),
            None => {
                let only = one(field, range).ok_or_else(wrong)?;
                (only, if step.is_some() { field.last } else { only })
            }
        };
        if first > last {
            return Err(wrong());
        }
        set |= (first..=last).step_by(step.unwrap_or(1) as usize).fold(0, |set, number| set | 1 << number);
    }
    Ok(set)
}

fn one(field: &Field, text: &str) -> Option<u32> {
    let named =
        field.names.iter().position(|name| text.eq_ignore_ascii_case(name)).and_then(|at| u32::try_from(at).ok());
    let number = match named {
        // Names begin with the first number, those of weekdays with 0.
        Some(at) => at + field.first,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
    };
    (field.first..=field.last).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> Option<String> {
        Cron::read(cron).unwrap().next(after.parse().unwrap()).map(|found| found.to_string())
    }

    #[test]
    fn the_next_time_is_in_every_field() {
        for (cron, after, wanted) in [
            ("*/15 * * * *", "2026-01-01T00:00:00", "2026-01-01T00:15:00"),
            ("*/15 * * * *", "2026-01-01T23:45:00.5", "2026-01-02T00:00:00"),
            ("30 9 * * 1-5", "2026-11-27T09:30:00", "2026-11-30T09:30:00"),
            ("30 9 * * MON-fri", "2026-11-27T09:29:59.999", "2026-11-27T09:30:00"),
            ("0 0 29 feb *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
            ("0 0 1,15 * *", "2026-01-01T00:00:00", "2026-01-15T00:00:00"),
            ("0 0 * * 7", "2026-11-27T00:00:00", "2026-11-29T00:00:00"),
            ("10/20 5 * * *", "2026-01-01T05:10:00", "2026-01-01T05:30:00"),
            ("*/10 * * * * *", "2026-01-01T00:00:55", "2026-01-01T00:01:00"),
            ("0 0 0 31 12 *", "2026-01-01T00:00:00", "2026-12-31T00:00:00"),
            // Both days: one of them is enough. 2026-11-30 is a Monday.
            ("0 0 13 * mon", "2026-11-27T00:00:00", "2026-11-30T00:00:00"),
            ("0 0 13 * mon", "2026-12-08T00:00:00", "2026-12-13T00:00:00"),
        ] {
            assert_eq!(next(cron, after).as_deref(), Some(wanted), "{cron} after {after}");
        }
        assert_eq!(next("0 0 31 2 *", "2026-01-01T00:00:00"), None);
    }

    #[test]
    fn a_wrong_field_is_named_with_what_it_takes() {
        for (cron, says) in [
            ("60 * * * *", "the minute `60` of a cron expression; wanted `*`, numbers from 0 to 59"),
            ("* 5-3 * * *", "the hour `5-3`"),
            ("* * 0 * *", "the day of the month `0`"),
            ("* * * foo *", "the month `foo`"),
            ("*/0 * * * *", "the minute `*/0`"),
            ("* * * *", "4 fields"),
        ] {
            let error = Cron::read(cron).unwrap_err().to_string();
            assert!(error.contains(says), "{cron}: {error}");
        }
    }
}
