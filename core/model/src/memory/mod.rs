//! The memory of a session: which files its agent works by, since which event, and the chain that shows that nobody has
//! changed the story.

mod chain;
mod patch;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::EventBody;

pub use chain::{Broken, seal};
pub use patch::{PatchError, diff, patch};

/// The most bytes of one file.
pub const FILE_BYTES: usize = 64 * 1024;
/// The most bytes of all files together: what an agent reads at each start stays small.
pub const ALL_BYTES: u64 = 256 * 1024;
/// The most files.
pub const MOST_FILES: usize = 64;

/// A file without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryFile {
    /// Its path, as the agent names it.
    pub path: String,
    /// The BLAKE3 hash of its text in hexadecimal.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
}

impl MemoryFile {
    /// Describes a text.
    pub fn new(path: impl Into<String>, text: &str) -> Self {
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        Self { path: path.into(), hash, bytes: text.len() as u64 }
    }
}

/// A file that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The file.
    pub file: MemoryFile,
    /// The event that brought it in this form.
    pub since_seq: u64,
    /// Where it is from: what the snapshot said, or `proposal`.
    pub origin: String,
}

/// What is in force after an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The files by their paths.
    pub files: BTreeMap<String, InForce>,
    /// The newest link of the chain; empty before the first event.
    pub link: String,
}

impl Memory {
    /// Returns the content hash of all files together, in hexadecimal.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, held) in &self.files {
            // With its length, so that no two lists of files look the same.
            hasher.update(&(path.len() as u64).to_le_bytes()).update(path.as_bytes()).update(held.file.hash.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|held| held.file.bytes).sum()
    }

    /// Puts all files in the place of those before. One that has not changed keeps the event that brought it.
    pub fn replace(&mut self, files: &[MemoryFile], origin: &str, seq: u64) {
        let before = std::mem::take(&mut self.files);
        for file in files {
            let kept = before.get(&file.path).filter(|held| held.file == *file).cloned();
            let held =
                kept.unwrap_or_else(|| InForce { file: file.clone(), since_seq: seq, origin: origin.to_owned() });
            self.files.insert(file.path.clone(), held);
        }
    }

    /// Puts a file in the place of the one before, or takes it away.
    pub fn set(&mut self, path: &str, to: Option<&MemoryFile>, seq: u64) {
        match to {
            Some(file) => {
                let held = InForce { file: file.clone(), since_seq: seq, origin: "proposal".to_owned() };
                self.files.insert(path.to_owned(), held);
            }
            None => drop(self.files.remove(path)),
        }
    }

    /// Takes in the next event of a timeline; events about other things change nothing. A break of the chain is told, and
    /// the event taken in all the same.
    pub fn fold(&mut self, seq: u64, body: &EventBody) -> Result<(), Broken> {
        let checked = chain::check(&self.link, seq, body);
        let said = match body {
            EventBody::MemoryRecorded(recorded) => {
                self.replace(&recorded.files, &recorded.origin, seq);
                self.link.clone_from(&recorded.after);
                Some(&recorded.hash)
            }
            EventBody::MemoryApplied(applied) => {
                self.set(&applied.path, applied.to.as_ref(), seq);
                self.link.clone_from(&applied.after);
                Some(&applied.hash)
            }
            EventBody::MemoryProposed(proposed) => {
                self.link.clone_from(&proposed.after);
                None
            }
            EventBody::MemoryRejected(rejected) => {
                self.link.clone_from(&rejected.after);
                None
            }
            _ => return Ok(()),
        };
        checked?;
        match said {
            Some(said) if *said != self.hash() => {
                Err(Broken { seq, what: "the hash of the files", found: said.clone(), wanted: self.hash() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
