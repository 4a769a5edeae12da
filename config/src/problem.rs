//! What is wrong with a configuration, said so that its writer can mend it.

use crate::Layer;
use serde::Serialize;
use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Key path, `server.listen`; the variable's name when no key is behind it; `(syntax)` when the file is not TOML there.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub wanted: String,
    /// Where it stands.
    pub layer: Layer,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, wanted {} ({})", self.key, self.found, self.wanted, self.layer)
    }
}

/// All mistakes of a configuration, never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the configuration has a problem:")?,
            count => write!(f, "the configuration has {count} problems:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}
