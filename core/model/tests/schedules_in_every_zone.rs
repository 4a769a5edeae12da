//! Every zone of the bundled database, around every change of its clocks from 2024 to 2030: the instants of cron
//! expressions are those that somebody finds who knows nothing of our code and looks at each minute on the wall.
#![forbid(unsafe_code)]

use chrono::{DateTime, Datelike, Offset as _, TimeZone, Timelike};
use chrono_tz::Tz;
use tieline_model::{TimestampMs, schedule::Spec};

/// Minute, hour, month and day of the week; each number that is named. The day of the month is any.
struct Naive {
    expression: &'static str,
    minutes: fn(u32) -> bool,
    hours: fn(u32) -> bool,
    months: fn(u32) -> bool,
    weekdays: fn(u32) -> bool,
}

const EXPRESSIONS: [Naive; 6] = [
    Naive { expression: "*/15 * * * *", minutes: |m| m.is_multiple_of(15), hours: any, months: any, weekdays: any },
    Naive { expression: "30 2 * * *", minutes: |m| m == 30, hours: |h| h == 2, months: any, weekdays: any },
    Naive { expression: "7 0-4 * * *", minutes: |m| m == 7, hours: |h| h <= 4, months: any, weekdays: any },
    Naive { expression: "0 0 * * *", minutes: |m| m == 0, hours: |h| h == 0, months: any, weekdays: any },
    Naive {
        expression: "30 1,2,3,23 * * 0,6",
        minutes: |m| m == 30,
        hours: |h| matches!(h, 1 | 2 | 3 | 23),
        months: any,
        weekdays: |d| matches!(d, 0 | 6),
    },
    Naive {
        expression: "*/20 * * mar-oct *",
        minutes: |m| m.is_multiple_of(20),
        hours: any,
        months: |m| (3..=10).contains(&m),
        weekdays: any,
    },
];

fn any(_: u32) -> bool {
    true
}

/// How far the clocks are ahead of UTC at an instant, in seconds; the instant in minutes since 1970.
type Offset = dyn Fn(i64) -> i64;

fn theirs(zone: Tz) -> Box<Offset> {
    Box::new(move |minute| {
        let at = DateTime::from_timestamp(minute * 60, 0).expect("a year in this century");
        i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
    })
}

fn bundled(name: &str) -> Box<Offset> {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).expect("the name is from this database");
    Box::new(move |minute| {
        let at = jiff::Timestamp::from_second(minute * 60).expect("a year in this century");
        i64::from(zone.to_offset(at).seconds())
    })
}

const DAY: i64 = 24 * 60;
const DAY_STEP: usize = 24 * 60;
/// 2024-01-01 and 2031-01-01.
const YEARS: [i64; 2] = [1_704_067_200 / 60, 1_925_078_400 / 60];

/// Finds the minutes at which the clocks of a zone change.
fn changes(offset: &Offset) -> Vec<i64> {
    let mut found = Vec::new();
    for day in (YEARS[0]..YEARS[1]).step_by(DAY_STEP) {
        let (mut low, mut high) = (day, day + DAY);
        if offset(low) != offset(high) {
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if offset(middle) == offset(low) { low = middle } else { high = middle }
            }
            found.push(high);
        }
    }
    found
}

/// Looks at the clock on the wall each minute: a time that it shows again was kept before, and what it has skipped is kept
/// now.
fn walked(offset: &Offset, naive: &Naive, start: i64, end: i64) -> Vec<i64> {
    let is_in = |wall: i64| {
        let wall = DateTime::from_timestamp(wall * 60, 0).expect("a year in this century").naive_utc();
        (naive.minutes)(wall.minute())
            && (naive.hours)(wall.hour())
            && (naive.months)(wall.month())
            && (naive.weekdays)(wall.weekday().num_days_from_sunday())
    };
    let wall_at = |minute: i64| minute + offset(minute).div_euclid(60);
    let (mut newest, mut found) = (wall_at(start - 300), Vec::new());
    for minute in start - 299..=end {
        let wall = wall_at(minute);
        if (newest + 1..=wall).any(is_in) && minute > start {
            found.push(minute * 60_000);
        }
        newest = newest.max(wall);
    }
    found
}

fn ours(zone: &str, naive: &Naive, start: i64, end: i64) -> Vec<i64> {
    let spec = Spec::Cron { expression: naive.expression.to_owned(), zone: zone.to_owned() };
    let first = spec.next(TimestampMs(start * 60_000));
    std::iter::successors(first, |at| spec.next(*at)).map(|at| at.0).take_while(|at| *at <= end * 60_000).collect()
}

/// The two databases are of different days; some government may have decided something in between.
fn agree(one: &Offset, other: &Offset) -> bool {
    (YEARS[0]..YEARS[1]).step_by(60 * 12).all(|minute| one(minute) == other(minute))
}

#[test]
fn in_every_zone_around_every_change_of_the_clocks_the_instants_are_those_of_a_naive_reader() {
    let (mut zones, mut windows, mut instants) = (0, 0, 0);
    let mut alone = Vec::new();
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        let name = name.as_str();
        let ours_alone = bundled(name);
        let offset = match name.parse::<Tz>().map(theirs) {
            Ok(offset) if agree(&*offset, &*ours_alone) => offset,
            _ => {
                alone.push(name.to_owned());
                ours_alone
            }
        };
        zones += 1;
        // And a day on which nothing happens.
        for change in changes(&*offset).into_iter().chain([YEARS[0] + 500 * DAY]) {
            let (start, end) = (change - 300, change + 300);
            windows += 1;
            for naive in &EXPRESSIONS {
                let found = ours(name, naive, start, end);
                assert_eq!(found, walked(&*offset, naive, start, end), "`{}` in {name}", naive.expression);
                instants += found.len();
            }
        }
    }
    println!("{zones} zones, {windows} windows, {instants} instants; in one database only: {alone:?}");
    assert!(zones > 590 && windows > 3_000 && instants > 200_000, "{zones}, {windows}, {instants}");
    assert!(alone.len() < 30, "{alone:?}");
}
