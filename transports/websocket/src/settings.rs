//! The transport's own section of the configuration.

use std::time::Duration;

use tieline_plugin_sdk::settings;

settings! {
    /// The section.
    #[derive(Debug)]
    pub struct Settings {
        /// How long a connection may stay open without a hello, in milliseconds.
        hello_ms: u64 where 1..=600_000 = 5_000,
    }
}

impl Settings {
    /// Returns how long a connection may stay open without a hello.
    pub fn hello_limit(&self) -> Duration {
        Duration::from_millis(self.hello_ms)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;
    use tieline_plugin_sdk::{conformance, declaration};

    use super::*;
    use crate::WebSocket;

    #[test]
    fn settings_are_read_and_mistakes_named() {
        let limit = |config| <Settings as tieline_plugin_sdk::Settings>::from_value(&config).unwrap().hello_limit();
        assert_eq!(limit(json!({})), Duration::from_secs(5));
        assert_eq!(limit(json!({"hello_ms": 20})), Duration::from_millis(20));
        for (config, says) in [
            (json!({"hello_ms": 0}), "hello_ms: found 0, wanted a whole number from 1 to 600000"),
            (json!({"hello_ms": "5s"}), r#"hello_ms: found \"5s\", wanted a whole number"#),
            (json!({"helo_ms": 5}), "helo_ms: found an unknown key, wanted `hello_ms`"),
        ] {
            let options = conformance::Options { config, ..conformance::Options::default() };
            let report = conformance::check_with(declaration::<WebSocket>(), &options).to_string();
            assert!(report.contains(says), "{report}");
        }
    }
}
