//! The transport's own section of the configuration.

use std::time::Duration;

use serde::Deserialize;
use tieline_plugin_sdk::{Config, Error};

/// The schema of the section, for the manifest.
pub const SCHEMA: &str = concat!(
    r#"{"type":"object","additionalProperties":false,"properties":{"hello_ms":{"type":"integer","minimum":1,"#,
    r#""maximum":600000,"default":5000,"description":"how long a connection may stay open without a hello"}}}"#
);

const HELLO_MS: std::ops::RangeInclusive<u64> = 1..=600_000;

/// The section.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    hello_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hello_ms: 5_000 }
    }
}

impl Settings {
    /// Reads and checks the section.
    pub fn read(config: Config) -> Result<Self, Error> {
        let settings: Settings = serde_path_to_error::deserialize(config)
            .map_err(|error| Error::new(format!("read settings: `{}`: {}", error.path(), error.inner())))?;
        if !HELLO_MS.contains(&settings.hello_ms) {
            let found = settings.hello_ms;
            return Err(Error::new(format!("read settings: `hello_ms` is {found}; wanted 1 to 600000")));
        }
        Ok(settings)
    }

    /// Returns how long a connection may stay open without a hello.
    pub fn hello_limit(&self) -> Duration {
        Duration::from_millis(self.hello_ms)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_named() {
        assert_eq!(Settings::read(json!({})).unwrap().hello_limit(), Duration::from_secs(5));
        assert_eq!(Settings::read(json!({"hello_ms": 20})).unwrap().hello_limit(), Duration::from_millis(20));
        for (config, says) in [
            (json!({"hello_ms": 0}), "`hello_ms` is 0; wanted 1 to 600000"),
            (json!({"hello_ms": "5s"}), "`hello_ms`: invalid type"),
            (json!({"helo_ms": 5}), "unknown field `helo_ms`"),
        ] {
            let error = Settings::read(config).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["properties"]["hello_ms"]["default"], Settings::default().hello_ms);
    }
}
