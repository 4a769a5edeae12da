//! How words on the command line become values.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::de::DeserializeOwned;
use tieline_model::{
    TimestampMs,
    command::{Escalation, Need},
};

/// Reads one of the words that a type of the model is written as in JSON.
pub fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| serde_json::from_value::<T>(serde_json::Value::String(word)))
}

/// Reads a span such as `90s`, `2h` or `1day 6h`.
pub fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; wanted a span such as 90s, 30m, 2h or 7d"))
}

/// Reads a number of seconds, or a span.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => span(text).map_err(|_| format!("`{text}` is no number of seconds, nor a span such as 30s or 2m")),
    }
}

/// Reads how many answers are needed.
pub fn need(text: &str) -> Result<Need, String> {
    match text {
        "all" => Ok(Need::All),
        "any" => Ok(Need::Any),
        _ => match text.parse() {
            Ok(count) if count > 0 => Ok(Need::AtLeast(count)),
            _ => Err(format!("`{text}`; wanted all, any, or a number of answers")),
        },
    }
}

/// Reads who else is asked after how long.
pub fn escalation(text: &str) -> Result<Escalation, String> {
    let wanted = || format!("`{text}` is not of the form AFTER=SESSION, as in 10m=@lead");
    let (after, to) = text.split_once('=').ok_or_else(wanted)?;
    let to = to.parse().map_err(|error| format!("{}: {error}", wanted()))?;
    Ok(Escalation { after_ms: millis(span(after)?), to })
}

/// Reads an instant: a day in UTC, or a day with a time.
pub fn instant(text: &str) -> Result<TimestampMs, String> {
    let whole = if text.contains(['T', ' ']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let time = humantime::parse_rfc3339_weak(&whole).map_err(|error| {
        format!("{error}; wanted a date such as 2026-11-01, or an instant such as 2026-11-01T09:00:00Z")
    })?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "it is before 1970".to_owned())?;
    Ok(TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// Reads `key=value`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form KEY=VALUE, as in log.format=json")),
    }
}

/// Returns a span in whole milliseconds, as commands take it.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_seconds() {
        assert_eq!(span("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(seconds("5"), Ok(Duration::from_secs(5)));
        assert_eq!(seconds("2m"), Ok(Duration::from_secs(120)));
        assert!(seconds("soon").is_err() && span("5").is_err());
        assert_eq!(millis(Duration::from_millis(1500)), 1500);
    }

    #[test]
    fn a_date_is_its_first_instant_in_utc() {
        assert_eq!(instant("1970-01-02"), Ok(TimestampMs(86_400_000)));
        assert_eq!(instant("1970-01-01T00:00:01Z"), Ok(TimestampMs(1_000)));
        assert!(instant("soon").unwrap_err().contains("2026-11-01"));
    }

    #[test]
    fn a_pair_keeps_what_is_after_the_first_sign() {
        assert_eq!(pair("log.filter=a=b"), Ok(("log.filter".into(), "a=b".into())));
        assert!(pair("=x").is_err() && pair("x").is_err());
    }
}
