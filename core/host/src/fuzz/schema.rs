//! Fuzzes settings that are held against a schema.

use serde_json::Value;
use tieline_plugin_sdk::schema;

use super::{harness::fuzz, input::mark};

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
        mark((mistakes.len().min(4), said.checked_ilog2(), schema::unchecked(&schema).len().min(3)))
    });
}
