//! Reading the payloads of hooks, of which nothing is promised.

use serde_json::Value;

/// The longest text that is kept of one field, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Returns a field's text, unless it is missing or empty.
pub fn text<'a>(payload: &'a Value, field: &str) -> Option<&'a str> {
    payload.get(field)?.as_str().filter(|text| !text.is_empty())
}

/// Returns a value as people read it: a text as it is, anything else as JSON, both cut.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}

/// Cuts a text that is too long, and says so.
pub fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut end = MAX_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… ({} bytes left out)", &text[..end], text.len() - end)
}
