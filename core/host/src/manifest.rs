//! What a plugin says about itself, as the host needs it.

use serde::{Deserialize, Serialize};

use crate::status::{Problem, Step};

/// What a plugin says about itself. Fields of later versions are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub sockets: Vec<String>,
}

/// `plugins.trust` is a key beside the tables of the plugins.
const RESERVED: &str = "trust";

impl Manifest {
    /// Reads and checks it.
    pub(crate) fn parse(json: &[u8]) -> Result<Manifest, Problem> {
        let wrong = |what: String| Problem::new(Step::Manifest, what);
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
        if let Some(path) = manifest.sockets.iter().find(|path| !path.starts_with('/') || path.len() > 128) {
            return Err(wrong(format!("the manifest's socket path {path:?} does not begin with `/` or is too long")));
        }
        Ok(manifest)
    }
}
