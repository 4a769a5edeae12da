//! Makes what a plugin says fit for people: text, within bounds.

/// Longer log records are cut.
const MOST_LOG: usize = 64 << 10;
/// Longer reasons are cut.
const MOST_REASON: usize = 2000;

/// Copies text that a person will read; what is not UTF-8 is replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    // No character has more than four bytes, so this cuts nothing that is wanted.
    let near = &bytes[..bytes.len().min(4 * MOST_REASON)];
    String::from_utf8_lossy(near).chars().take(MOST_REASON).collect()
}

/// Copies the fields of a log record. What is too long or not JSON becomes its message.
pub(crate) fn fields(json: &[u8]) -> String {
    let whole = Some(json).filter(|json| json.len() <= MOST_LOG);
    let whole = whole.filter(|json| serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok());
    match whole.and_then(|json| std::str::from_utf8(json).ok()) {
        Some(json) => json.to_owned(),
        None => serde_json::json!({ "message": text(json) }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_made_readable() {
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(text("€".repeat(5000).as_bytes()), "€".repeat(MOST_REASON));
    }

    #[test]
    fn fields_that_are_no_json_become_a_message() {
        assert_eq!(fields(b"{\"a\":1}"), r#"{"a":1}"#);
        assert_eq!(fields(b"{\"a\":"), r#"{"message":"{\"a\":"}"#);
        assert!(fields(&[b'1'; MOST_LOG + 1]).len() < 2 * MOST_REASON);
    }
}
