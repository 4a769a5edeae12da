//! Fuzzes manifests, schemas and the settings that are held against them.

use serde_json::Value;
use tieline_plugin_sdk::schema;

use super::{harness::fuzz, input::mark};
use crate::{manifest::Manifest, text};

#[test]
fn a_manifest_of_any_content_is_read_or_refused() {
    fuzz("manifest", 10_000, 4096, |bytes| match Manifest::parse(bytes) {
        Ok(manifest) => {
            assert!(manifest.is(&manifest).is_ok());
            let again = serde_json::to_vec(&manifest).expect("what was read can be written");
            assert_eq!(Manifest::parse(&again).ok().as_ref(), Some(&manifest));
            let of = |result: Result<(), _>| result.is_ok();
            let settings = of(manifest.check_settings(&serde_json::json!({"port": 1})));
            mark((settings, of(manifest.check_reserved(&["/v1".to_owned()])), manifest.sockets.len().min(2)))
        }
        Err(problem) => mark(problem.reason.chars().filter(|c| c.is_alphabetic()).take(60).collect::<String>()),
    });
}

/// The schema and the value stand in two lines.
#[test]
fn any_value_can_be_held_against_any_schema() {
    fuzz("schema", 20_000, 2048, |bytes| {
        let (schema, value) = bytes.split_at(bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len()));
        let read = |bytes| serde_json::from_slice::<Value>(bytes);
        let Ok(schema) = read(schema) else { return 0 };
        let value = read(value).unwrap_or_else(|_| serde_json::json!({"a": [1, "b", null]}));
        let mistakes = schema::check(&schema, &value);
        let said: usize = mistakes.iter().map(|mistake| mistake.to_string().len()).sum();
        assert!(said < 16 << 20, "{said} bytes are said about {} bytes", bytes.len());
        mark((mistakes.len().min(4), said.ilog2_or_zero(), schema::unchecked(&schema).len().min(3)))
    });
}

#[test]
fn what_a_plugin_says_for_people_is_text_within_bounds() {
    fuzz("log", 10_000, 100_000, |bytes| {
        let said = text::text(bytes);
        assert!(said.chars().count() <= 2000);
        let fields = text::fields(bytes);
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&fields).is_ok());
        mark((said.len().ilog2_or_zero(), fields.len() == bytes.len()))
    });
}

trait Ilog2 {
    fn ilog2_or_zero(self) -> u32;
}

impl Ilog2 for usize {
    fn ilog2_or_zero(self) -> u32 {
        self.checked_ilog2().unwrap_or(0)
    }
}
