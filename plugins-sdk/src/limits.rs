//! How much a plugin gets of the host's services, and what their names look like. Held by the host and by the
//! conformance kit alike.

use std::collections::BTreeMap;

/// Bytes of a key of the key-value space, at most.
pub const KEY_BYTES: usize = 256;
/// Bytes of a value of the key-value space, at most.
pub const VALUE_BYTES: usize = 64 << 10;
/// Keys of a plugin, at most.
pub const KEYS: usize = 1024;
/// Bytes of all keys and values of a plugin, at most.
pub const SPACE_BYTES: usize = 4 << 20;
/// Timers of an instance, at most.
pub const TIMERS: usize = 1024;
/// Series of metrics of a plugin, at most: names with different labels.
pub const METRIC_SERIES: usize = 256;
/// Bytes of a secret, at most.
pub const SECRET_BYTES: usize = 64 << 10;
/// Bytes of the body of an answer to a webhook, at most.
pub const REPLY_BYTES: usize = 4 << 20;
/// Webhook requests of a plugin that wait for an answer, at most.
pub const WEBHOOKS: usize = 64;

const LABELS: usize = 8;
const LABEL_BYTES: usize = 128;

/// Reads a key of the key-value space: 1 to 256 bytes of text without control characters.
pub fn key(bytes: &[u8]) -> Option<&str> {
    let key = std::str::from_utf8(bytes).ok()?;
    ((1..=KEY_BYTES).contains(&key.len()) && !key.chars().any(char::is_control)).then_some(key)
}

/// Reads the beginning of a key; it may be empty.
pub fn key_prefix(bytes: &[u8]) -> Option<&str> {
    if bytes.is_empty() { Some("") } else { key(bytes) }
}

/// Reads the name of a secret: 1 to 64 lower-case letters, digits, `-` and `_`, beginning and ending with a letter or
/// digit, and no two of `-` and `_` side by side.
pub fn secret_name(bytes: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(bytes).ok()?;
    let parts = || name.split(['-', '_']);
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (name.len() <= 64 && parts().all(is_plain)).then_some(name)
}

/// Reads the name of a metric or label: 1 to 64 lower-case letters, digits and `_`, beginning with a letter.
pub fn metric_name(bytes: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(bytes).ok()?;
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_plain))
        .then_some(name)
}

/// Reads labels: at most eight, not `plugin`, each value text of at most 128 bytes. No bytes are no labels.
pub fn labels(json: &[u8]) -> Option<BTreeMap<String, String>> {
    if json.is_empty() {
        return Some(BTreeMap::new());
    }
    let labels: BTreeMap<String, String> = serde_json::from_slice(json).ok()?;
    let is_fine = |(name, value): (&String, &String)| {
        metric_name(name.as_bytes()).is_some() && name != "plugin" && value.len() <= LABEL_BYTES
    };
    (labels.len() <= LABELS && labels.iter().all(is_fine)).then_some(labels)
}

/// Tells whether a value may be added to a counter, or a gauge be set to it.
pub fn metric_value(is_counter: bool, value: f64) -> bool {
    if is_counter { value.is_finite() && value >= 0.0 } else { !value.is_nan() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["a", "api-key", "bot_token_2", "7"] {
            assert_eq!(secret_name(name.as_bytes()), Some(name));
        }
        for name in ["", "A", "a/b", "..", "a.b", "-a", "a_", "a__b", "a-_b", &"a".repeat(65), "a\0"] {
            assert_eq!(secret_name(name.as_bytes()), None, "{name:?}");
        }
        for name in ["a", "requests_total", "p99_ms"] {
            assert_eq!(metric_name(name.as_bytes()), Some(name));
        }
        for name in ["", "_a", "9a", "a-b", "a b", "é", "a\n"] {
            assert_eq!(metric_name(name.as_bytes()), None, "{name:?}");
        }
    }

    #[test]
    fn keys_and_labels_have_limits() {
        assert_eq!(key("é/ 1".as_bytes()), Some("é/ 1"));
        assert_eq!((key(b""), key(b"\xff"), key(b"a\0"), key_prefix(b"")), (None, None, None, Some("")));
        assert!(key(&[b'a'; 256]).is_some() && key(&[b'a'; 257]).is_none());
        assert_eq!(labels(b""), Some(BTreeMap::new()));
        assert!(labels(br#"{"room":"a \"b\""}"#).is_some());
        for wrong in [&br#"{"plugin":"x"}"#[..], br#"{"a":1}"#, b"[]", br#"{"A":"x"}"#, b"{"] {
            assert_eq!(labels(wrong), None);
        }
        assert!(metric_value(true, 0.0) && !metric_value(true, -1.0) && !metric_value(true, f64::INFINITY));
        assert!(metric_value(false, -1.0) && !metric_value(false, f64::NAN));
    }
}
