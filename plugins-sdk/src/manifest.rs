//! What a transport says about itself, turned into JSON while compiling.

/// What a transport says about itself. Built in a `const`, so that the host can read it without running code.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) sockets: &'static [&'static str],
    pub(crate) webhooks: &'static [&'static str],
    pub(crate) capabilities: &'static [&'static str],
    pub(crate) config_schema: &'static str,
}

impl Manifest {
    /// Begins with a name (the one that its configuration section has) and a version.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Manifest { name, version, sockets: &[], webhooks: &[], capabilities: &[], config_schema: "{}" }
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

    /// Gives the JSON Schema of its configuration, as JSON.
    pub const fn config_schema(mut self, json: &'static str) -> Self {
        self.config_schema = json;
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

    pub(crate) const fn to_json(self) -> Json {
        Json::EMPTY
            .raw("{\"name\":")
            .text(self.name)
            .raw(",\"version\":")
            .text(self.version)
            .raw(",\"sdk_version\":")
            .text(env!("CARGO_PKG_VERSION"))
            .raw(",\"sockets\":")
            .list(self.sockets)
            .raw(",\"webhooks\":")
            .list(self.webhooks)
            .raw(",\"capabilities\":")
            .list(self.capabilities)
            .raw(",\"config_schema\":")
            .raw(self.config_schema)
            .raw("}")
    }
}

const CAPACITY: usize = 16 * 1024;

/// JSON under construction in a `const`.
pub(crate) struct Json {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Json {
    const EMPTY: Json = Json { bytes: [0; CAPACITY], len: 0 };

    /// Returns what was written.
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }

    const fn raw(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        assert!(self.len + text.len() <= CAPACITY, "the manifest is longer than 16 KiB");
        let mut i = 0;
        while i < text.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    const fn text(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i] >= 0x20 && bytes[i] != b'"' && bytes[i] != b'\\',
                "a name, version, path or capability of the manifest has a quote, a backslash or a control character"
            );
            i += 1;
        }
        self.raw("\"").raw(text).raw("\"")
    }

    const fn list(self, items: &[&str]) -> Self {
        let mut json = self.raw("[");
        let mut i = 0;
        while i < items.len() {
            if i > 0 {
                json = json.raw(",");
            }
            json = json.text(items[i]);
            i += 1;
        }
        json.raw("]")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_manifest_is_made_while_compiling() {
        const JSON: Json = Manifest::new("echo", "1.2.3")
            .sockets(&["/echo", "/b"])
            .capabilities(&["x"])
            .config_schema(r#"{"type":"object"}"#)
            .to_json();
        let value: serde_json::Value = serde_json::from_slice(JSON.as_bytes()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "name": "echo", "version": "1.2.3", "sdk_version": env!("CARGO_PKG_VERSION"),
                "sockets": ["/echo", "/b"], "webhooks": [], "capabilities": ["x"], "config_schema": {"type": "object"},
            })
        );
    }
}
