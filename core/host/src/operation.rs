//! What a person may ask of a plugin while the daemon runs, and why it may be refused.

use std::{io, path::PathBuf};

/// What a person may ask of a plugin. A name is the plugin's own, or that of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Look at the file again and start it anew, also when it did not change, and when the plugin was left alone.
    Reload {
        /// Which.
        name: String,
    },
    /// Take a `Disable` back.
    Enable {
        /// Which.
        name: String,
    },
    /// Stop it, and do not start it again, also not with the next daemon.
    Disable {
        /// Which.
        name: String,
    },
    /// Trust the file as it is now, and start it.
    Trust {
        /// Which.
        name: String,
        /// The BLAKE3 hash in hexadecimal that the file must have; without it, whatever it has now.
        hash: Option<String>,
        /// Who says so.
        by: String,
    },
}

impl Operation {
    /// Returns the name that it is about.
    pub fn name(&self) -> &str {
        match self {
            Operation::Reload { name }
            | Operation::Enable { name }
            | Operation::Disable { name }
            | Operation::Trust { name, .. } => name,
        }
    }
}

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// No plugin and no file is called so.
    #[error("no plugin is called `{name}`{}", among(candidates))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are.
        candidates: Vec<String>,
    },
    /// Several files hold a plugin of this name.
    #[error("several files hold a plugin called `{name}`; name one of the files: {}", files.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Those files.
        files: Vec<String>,
    },
    /// The plugin's state does not allow it.
    #[error("{reason}")]
    NotNow {
        /// Why not, as a sentence.
        reason: String,
    },
    /// The file is not the one that was meant.
    #[error("the file has the hash {found}, and {wanted} was to be trusted; nothing was trusted")]
    WrongHash {
        /// What it has.
        found: String,
        /// What was given.
        wanted: String,
    },
    /// The configuration says that the plugin shall not run, and it is above this.
    #[error("the configuration says `{key} = false`; change it there")]
    ConfiguredOff {
        /// The key that says so.
        key: String,
    },
    /// A file could not be read or written.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn among(candidates: &[String]) -> String {
    match candidates {
        [] => "; the plugin folder is empty".to_owned(),
        names => format!("; there are {}", names.join(", ")),
    }
}
