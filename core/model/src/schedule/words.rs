//! Says in words what was understood of a time.

use super::{Spec, cron::Cron, zone};
use crate::TimestampMs;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const UNITS: [(u64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];

/// Writes an instant as the clocks of a zone show it, with the distance from UTC.
pub fn local(at: TimestampMs, zone_name: &str) -> String {
    let shown = zone::named(zone_name).zip(jiff::Timestamp::from_millisecond(at.0).ok());
    shown.map_or_else(
        || format!("{} ms", at.0),
        |(zone, at)| zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M:%S").to_string() + &offset(&zone, at),
    )
}

fn offset(zone: &jiff::tz::TimeZone, at: jiff::Timestamp) -> String {
    let minutes = zone.to_offset(at).seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!(" {sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Says what a spec means.
pub fn words(spec: &Spec) -> String {
    match spec {
        Spec::Once { at_ms, zone } => {
            let wall = zone::named(zone).and_then(|zone| zone::wall(&zone, *at_ms));
            let when = wall.map_or_else(
                || format!("{} ms", at_ms.0),
                |wall| wall.strftime("on %A %Y-%m-%d at %H:%M:%S").to_string(),
            );
            format!("once, {when} ({zone})")
        }
        Spec::Every { every_ms, .. } => format!("every {}", distance(*every_ms)),
        Spec::Cron { expression, zone } => {
            let plain = Cron::read(expression).ok().and_then(|cron| Some((days(&cron)?, time(&cron)?)));
            match plain {
                Some((days, time)) => format!("every {days} at {time} ({zone})"),
                None => format!("by the cron expression `{expression}` ({zone})"),
            }
        }
    }
}

fn distance(ms: u64) -> String {
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit)).unwrap_or((1, "millisecond"));
    match ms / unit {
        1 => name.to_owned(),
        // Two days are 48 hours here: they do not follow the clocks on the walls.
        count if name == "day" => format!("{} hours", count * 24),
        count => format!("{count} {name}s"),
    }
}

fn days(cron: &Cron) -> Option<String> {
    let set = cron.only_weekdays()?;
    let named: Vec<&str> = DAYS.iter().zip(set).filter_map(|(day, is_in)| is_in.then_some(*day)).collect();
    Some(match named.as_slice() {
        all if all.len() == 7 => "day".to_owned(),
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"] => "Monday to Friday".to_owned(),
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        named => named.join(""),
    })
}

fn time(cron: &Cron) -> Option<String> {
    let only = |set: u64| (set.count_ones() == 1).then(|| set.trailing_zeros());
    let (hour, minute, second) = (only(cron.hours)?, only(cron.minutes)?, only(cron.seconds)?);
    Some(if second == 0 { format!("{hour:02}:{minute:02}") } else { format!("{hour:02}:{minute:02}:{second:02}") })
}
