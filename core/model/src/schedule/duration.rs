//! Spans as people write them: `10m`, `1h30m`, `90 seconds`, `2 days`.

const UNITS: &[(&[&str], u64)] = &[
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 7 * 86_400_000),
];

/// Reads a span, in milliseconds. `None` when it is none, or longer than ten years.
pub fn read(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (digits, after) = split(rest, |letter| letter.is_ascii_digit());
        let (unit, after) = split(after.trim_start(), |letter| letter.is_ascii_alphabetic());
        // A unit alone counts once, as in `every hour`.
        let count: u64 = if digits.is_empty() && total == 0 && unit.len() > 1 { 1 } else { digits.parse().ok()? };
        let (_, ms) = UNITS.iter().find(|(names, _)| names.iter().any(|name| unit.eq_ignore_ascii_case(name)))?;
        total = total.checked_add(count.checked_mul(*ms)?)?;
        rest = after.trim_start();
    }
    (1..=10 * 366 * 86_400_000).contains(&total).then_some(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter| !belongs(letter)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn spans_are_read_as_they_are_written() {
        for (text, wanted) in [
            ("10m", Some(600_000)),
            ("1h30m", Some(5_400_000)),
            ("1 hour 30 minutes", Some(5_400_000)),
            ("90 s", Some(90_000)),
            ("hour", Some(3_600_000)),
            ("2w", Some(1_209_600_000)),
            ("10", None),
            ("0m", None),
            ("m", None),
            ("soon", None),
            ("99999999999999999999d", None),
            ("9999d", None),
            ("", None),
        ] {
            assert_eq!(super::read(text), wanted, "{text}");
        }
    }
}
