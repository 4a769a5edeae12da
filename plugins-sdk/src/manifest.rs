//! What a transport says about itself, turned into JSON while compiling.

use crate::settings::{Field, Schema};

/// What a transport says about itself. Built in a `const`, so that the host can read it without running code.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) sockets: &'static [&'static str],
    pub(crate) webhooks: &'static [&'static str],
    pub(crate) capabilities: &'static [&'static str],
}

impl Manifest {
    /// Begins with a name (the one that its configuration section has) and a version.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Manifest { name, version, sockets: &[], webhooks: &[], capabilities: &[] }
    }

    /// Names the paths of the sockets that the host shall hold for it, such as `/ws`.
    pub const fn sockets(mut self, paths: &'static [&'static str]) -> Self {
        self.sockets = paths;
        self
    }

    /// Names the paths on which the host shall take HTTP requests for it, such as `/hooks/echo`. The host asks for a
    /// good token first. A path is taken as it is; it may not begin like one of the daemon's own, or be another
    /// plugin's.
    pub const fn webhooks(mut self, paths: &'static [&'static str]) -> Self {
        self.webhooks = paths;
        self
    }

    /// Names what it can do beyond carrying messages.
    pub const fn capabilities(mut self, names: &'static [&'static str]) -> Self {
        self.capabilities = names;
        self
    }

    /// Returns the name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the paths of the sockets.
    pub const fn socket_paths(&self) -> &'static [&'static str] {
        self.sockets
    }

    /// Writes it, with the schema of the settings.
    pub(crate) const fn to_json(self, settings: &Schema) -> Json {
        let mut json = Json::EMPTY;
        json.raw("{\"name\":");
        json.plain(self.name);
        json.raw(",\"version\":");
        json.plain(self.version);
        json.raw(",\"sdk_version\":");
        json.plain(env!("CARGO_PKG_VERSION"));
        json.raw(",\"sockets\":");
        json.list(self.sockets);
        json.raw(",\"webhooks\":");
        json.list(self.webhooks);
        json.raw(",\"capabilities\":");
        json.list(self.capabilities);
        json.raw(",\"config_schema\":");
        let mut json = json.schema(settings);
        json.raw("}");
        json
    }
}

const CAPACITY: usize = 32 * 1024;

/// JSON under construction in a `const`.
pub(crate) struct Json {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Json {
    pub(crate) const EMPTY: Json = Json { bytes: [0; CAPACITY], len: 0 };

    /// Returns what was written.
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }

    /// Writes JSON Schema.
    pub(crate) const fn schema(mut self, schema: &Schema) -> Self {
        self.put_schema(schema);
        self
    }

    const fn byte(&mut self, byte: u8) {
        assert!(self.len < CAPACITY, "the manifest is longer than 32 KiB");
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    const fn raw(&mut self, text: &str) {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() {
            self.byte(text[i]);
            i += 1;
        }
    }

    /// Writes a text that needs no escape.
    const fn plain(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i] >= 0x20 && bytes[i] != b'"' && bytes[i] != b'\\',
                "a name, version, path or capability of the manifest has a quote, a backslash or a control character"
            );
            i += 1;
        }
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }

    /// Writes the inside of any text.
    const fn escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'"' | b'\\' => {
                    self.byte(b'\\');
                    self.byte(bytes[i]);
                }
                b'\n' => self.raw("\\n"),
                b'\t' => self.raw("\\t"),
                byte => {
                    assert!(byte >= 0x20, "a text of the settings has a control character");
                    self.byte(byte);
                }
            }
            i += 1;
        }
    }

    const fn text(&mut self, text: &str) {
        self.raw("\"");
        self.escaped(text);
        self.raw("\"");
    }

    const fn list(&mut self, items: &[&str]) {
        self.raw("[");
        let mut i = 0;
        while i < items.len() {
            if i > 0 {
                self.raw(",");
            }
            self.plain(items[i]);
            i += 1;
        }
        self.raw("]");
    }

    const fn number(&mut self, number: i128) {
        if number < 0 {
            self.raw("-");
        }
        let number = number.unsigned_abs();
        let mut unit: u128 = 1;
        while number / unit >= 10 {
            unit *= 10;
        }
        while unit > 0 {
            self.byte(b'0' + (number / unit % 10) as u8);
            unit /= 10;
        }
    }

    const fn put_schema(&mut self, schema: &Schema) {
        self.raw("{");
        self.put_keywords(schema);
        self.raw("}");
    }

    const fn put_keywords(&mut self, schema: &Schema) {
        match schema {
            Schema::Any => {}
            Schema::Flag => self.raw(r#""type":"boolean""#),
            Schema::Number => self.raw(r#""type":"number""#),
            Schema::Text => self.raw(r#""type":"string""#),
            Schema::Whole(least, most) => {
                self.raw(r#""type":"integer","minimum":"#);
                self.number(*least);
                self.raw(r#","maximum":"#);
                self.number(*most);
            }
            Schema::OneOf(words) => {
                self.raw(r#""enum":"#);
                self.list(words);
            }
            Schema::List(item) => {
                self.raw(r#""type":"array","items":"#);
                self.put_schema(item);
            }
            Schema::Map(value) => {
                self.raw(r#""type":"object","additionalProperties":"#);
                self.put_schema(value);
            }
            Schema::Table(fields) => self.put_table(fields),
            Schema::Json(json) => self.put_inner(json),
        }
    }

    /// Writes an object without its braces: those that are round it are there already.
    const fn put_inner(&mut self, json: &str) {
        let bytes = json.as_bytes();
        let (mut from, mut to) = (0, bytes.len());
        while from < to && bytes[from].is_ascii_whitespace() {
            from += 1;
        }
        while from < to && bytes[to - 1].is_ascii_whitespace() {
            to -= 1;
        }
        assert!(to - from >= 2 && bytes[from] == b'{' && bytes[to - 1] == b'}', "a schema in JSON is an object");
        let mut i = from + 1;
        while i < to - 1 {
            self.byte(bytes[i]);
            i += 1;
        }
    }

    const fn put_table(&mut self, fields: &[Field]) {
        self.raw(r#""type":"object","additionalProperties":false,"properties":{"#);
        let mut i = 0;
        while i < fields.len() {
            if i > 0 {
                self.raw(",");
            }
            self.text(fields[i].key);
            self.raw(":");
            self.put_field(&fields[i]);
            i += 1;
        }
        self.raw(r#"},"required":["#);
        let (mut i, mut is_first) = (0, true);
        while i < fields.len() {
            if fields[i].is_required {
                if !is_first {
                    self.raw(",");
                }
                self.text(fields[i].key);
                is_first = false;
            }
            i += 1;
        }
        self.raw("]");
    }

    const fn put_field(&mut self, field: &Field) {
        self.raw("{");
        if !field.doc.is_empty() {
            self.raw(r#""description":""#);
            let mut i = 0;
            while i < field.doc.len() {
                // A line begins with the space that stands after `///`.
                if i > 0 {
                    self.raw(" ");
                }
                self.escaped(trimmed(field.doc[i]));
                i += 1;
            }
            self.raw("\",");
        }
        if let Some(default) = field.default {
            self.raw(r#""default":"#);
            self.put_default(&field.schema, default);
            self.raw(",");
        }
        let before = self.len;
        self.put_keywords(&field.schema);
        // Nothing came after the last comma.
        if self.len == before && before > 0 && self.bytes[before - 1] == b',' {
            self.len -= 1;
        }
        self.raw("}");
    }

    const fn put_default(&mut self, schema: &Schema, default: &str) {
        match schema {
            Schema::Text => self.text(default),
            Schema::OneOf(words) => {
                assert!(is_among(default, words), "a default is none of the words that the setting may have");
                self.text(default);
            }
            Schema::Whole(least, most) => {
                let number = whole(default);
                assert!(*least <= number && number <= *most, "a default is outside of the range of its setting");
                self.number(number);
            }
            Schema::Number | Schema::Flag => {
                let bytes = default.as_bytes();
                assert!(bytes[bytes.len() - 1] != b'.', "write 1.0 instead of 1.");
                self.raw(default);
            }
            _ => panic!("a list, a map or a table has no default: without a value it is empty"),
        }
    }
}

const fn trimmed(line: &str) -> &str {
    line.trim_ascii_start()
}

const fn is_among(text: &str, words: &[&str]) -> bool {
    let mut i = 0;
    while i < words.len() {
        if is_same(text.as_bytes(), words[i].as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Reads what `concat!` makes of a literal.
const fn whole(text: &str) -> i128 {
    let bytes = text.as_bytes();
    let is_negative = !bytes.is_empty() && bytes[0] == b'-';
    let (mut i, mut number) = (is_negative as usize, 0i128);
    assert!(i < bytes.len(), "a default is no whole number");
    while i < bytes.len() {
        assert!(bytes[i].is_ascii_digit(), "a default is no whole number");
        number = number * 10 + (bytes[i] - b'0') as i128;
        i += 1;
    }
    if is_negative { -number } else { number }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_manifest_is_made_while_compiling() {
        const JSON: Json = Manifest::new("echo", "1.2.3")
            .sockets(&["/echo", "/b"])
            .webhooks(&["/hooks/echo"])
            .capabilities(&["x"])
            .to_json(&Schema::Json(" {\"type\":\"object\"}\n"));
        let value: serde_json::Value = serde_json::from_slice(JSON.as_bytes()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "name": "echo", "version": "1.2.3", "sdk_version": env!("CARGO_PKG_VERSION"),
                "sockets": ["/echo", "/b"], "webhooks": ["/hooks/echo"], "capabilities": ["x"],
                "config_schema": {"type": "object"},
            })
        );
    }

    #[test]
    fn numbers_of_any_size_are_written_and_read() {
        for number in [0, 7, 10, -1, i128::from(u64::MAX), i128::from(i64::MIN), 1_000_000] {
            let mut json = Json::EMPTY;
            json.number(number);
            let text = std::str::from_utf8(json.as_bytes()).unwrap();
            assert_eq!((text, whole(text)), (number.to_string().as_str(), number));
        }
    }
}
