//! Looking into records whose shape is not promised.

use serde_json::Value;
use tieline_model::TimestampMs;

/// Returns the text at a pointer.
pub fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Returns the number at a pointer.
pub fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

/// Tells whether there is a true at a pointer.
pub fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

/// Returns when a record was written.
pub fn instant(value: &Value) -> Option<TimestampMs> {
    let at: jiff::Timestamp = text(value, "/timestamp")?.parse().ok()?;
    Some(TimestampMs(at.as_millisecond()))
}

/// Returns the words of a content: a text, or parts of which some are texts.
pub fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| match part {
                Value::String(text) => Some(text.as_str()),
                _ => text(part, "/text"),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Returns the first line of a text as a title of at most 60 characters, without what names may not have.
pub fn title(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('<'))?;
    let clean: String =
        line.chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '∕' } else { c }).take(60).collect();
    let clean = clean.trim().trim_start_matches('@').trim_start_matches("ses_").trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}
