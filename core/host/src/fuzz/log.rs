//! Fuzzes what is made of a plugin's words for people.

use super::{harness::fuzz, input::mark};
use crate::text;

#[test]
fn what_a_plugin_says_for_people_is_text_within_bounds() {
    fuzz("log", 10_000, 100_000, |bytes| {
        let said = text::text(bytes);
        assert!(said.chars().count() <= 2000);
        let fields = text::fields(bytes);
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&fields).is_ok());
        mark((said.len().checked_ilog2(), fields.len() == bytes.len()))
    });
}
