//! What a plugin says about itself, as the host needs it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tieline_plugin_sdk::schema;

use crate::status::{Problem, Step};

/// What a plugin says about itself. Fields of later versions are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub sockets: Vec<String>,
    #[serde(default)]
    pub webhooks: Vec<String>,
    /// The JSON Schema of its settings.
    #[serde(default = "anything")]
    pub config_schema: Value,
}

/// `plugins.trust` is a key beside the tables of the plugins.
const RESERVED: &str = "trust";

impl Manifest {
    /// Reads and checks it.
    pub(crate) fn parse(json: &[u8]) -> Result<Manifest, Problem> {
        let manifest: Manifest =
            serde_json::from_slice(json).map_err(|error| wrong(format!("the manifest cannot be read: {error}")))?;
        let name = &manifest.name;
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            return Err(wrong(format!(
                "the manifest's name is {name:?}; 1 to 64 lower-case letters, digits and `-` are wanted"
            )));
        }
        if name == RESERVED {
            return Err(wrong(format!("the manifest's name is `{RESERVED}`, which is the name of a setting")));
        }
        if !manifest.config_schema.is_object() {
            return Err(wrong("the manifest's config_schema is no object".to_owned()));
        }
        for (i, path) in manifest.paths().enumerate() {
            if !is_path(path) {
                return Err(wrong(format!(
                    "the manifest's path {path:?} is none: `/` and a name of letters, digits, `-`, `_`, `.` and `~`, \
                     once or more often and at most 128 bytes long, is wanted"
                )));
            }
            if manifest.paths().take(i).any(|other| other == path) {
                return Err(wrong(format!("the manifest names the path `{path}` twice")));
            }
        }
        Ok(manifest)
    }

    /// Checks that it is the same that was found before.
    pub(crate) fn is(&self, probed: &Manifest) -> Result<(), Problem> {
        if self == probed {
            return Ok(());
        }
        Err(wrong(format!(
            "the plugin calls itself `{}` {} here and `{}` {} in the probe",
            self.name, self.version, probed.name, probed.version
        )))
    }

    /// Returns the paths that it mounts.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        self.sockets.iter().chain(&self.webhooks)
    }

    /// Refuses settings that do not fit its schema, with every mistake.
    pub(crate) fn check_settings(&self, settings: &Value) -> Result<(), Problem> {
        let keywords = schema::unchecked(&self.config_schema);
        if !keywords.is_empty() {
            tracing::warn!(
                plugin.name = self.name,
                "the schema of `{}` uses {}, which nobody looks at: its settings may be wrong all the same",
                self.name,
                keywords.join(", ")
            );
        }
        let mistakes = schema::check(&self.config_schema, settings);
        if mistakes.is_empty() {
            return Ok(());
        }
        let section = format!("plugins.{}.settings", self.name);
        let mistakes: Vec<String> = mistakes.iter().map(|mistake| format!("{section}.{mistake}")).collect();
        Err(Problem::new(Step::Settings, format!("its settings are wrong: {}", mistakes.join("; "))))
    }

    /// Refuses a path that would be below one of the daemon's own.
    pub(crate) fn check_reserved(&self, reserved: &[String]) -> Result<(), Problem> {
        let is_below = |path: &str, own: &String| {
            path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for path in self.paths() {
            if let Some(own) = reserved.iter().find(|own| is_below(path, own)) {
                return Err(wrong(format!("the path `{path}` would be below `{own}`, which is the daemon's own")));
            }
        }
        Ok(())
    }
}

fn anything() -> Value {
    Value::Object(serde_json::Map::new())
}

fn wrong(what: String) -> Problem {
    Problem::new(Step::Manifest, what)
}

/// A path is compared as it is, so it has only one form: nothing to decode and nothing to resolve.
fn is_path(path: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
    path.len() <= 128 && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for path in ["/ws", "/hooks/x", "/a.b/~c/d-e_F9"] {
            assert!(is_path(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(128));
        for path in [
            "", "/", "ws", "//ws", "/ws/", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/a#", "/%61", "/{x}", "/é",
            "/a\n", &long,
        ] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn a_path_of_the_daemon_cannot_be_mounted() {
        let parse = |json: &str| Manifest::parse(json.as_bytes());
        let reserved = ["/v1".to_owned(), "/healthz".to_owned()];
        let check = |path: &str| {
            let json = format!(r#"{{"name":"a","version":"1","webhooks":["{path}"]}}"#);
            parse(&json).unwrap().check_reserved(&reserved)
        };
        assert!(check("/v1").unwrap_err().reason.contains("the daemon's own"));
        assert!(check("/v1/x").is_err() && check("/healthz").is_err());
        assert!(check("/v1x").is_ok() && check("/hooks/v1").is_ok());
        assert!(parse(r#"{"name":"a","version":"1","config_schema":7}"#).is_err());
        let twice = parse(r#"{"name":"a","version":"1","sockets":["/a"],"webhooks":["/a"]}"#).unwrap_err();
        assert!(twice.reason.contains("twice"), "{}", twice.reason);
    }
}
