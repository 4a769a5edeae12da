//! What was written where, and what was there before: enough to undo it, whatever dies in between.
//!
//! It is on the disk before the first file changes. A file that was not reached then has its old hash, and is written, or
//! left alone, by whoever comes next. Copies have the hash of what they hold as their name.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tieline_agents::Agent;

use super::{Change, write};
use crate::exit::Failed;

/// What is written today.
const FORM: u32 = 1;

/// The record.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    held: Held,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Held {
    form: u32,
    files: Vec<Entry>,
    /// Folders that were made for files, the outer ones first.
    folders: Vec<PathBuf>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose it is.
    pub agent: String,
    /// Where it is.
    pub path: PathBuf,
    /// The hash of what undoing brings back; nothing when there was no such file.
    pub before: Option<String>,
    /// The hashes of what was written since, the last one last.
    pub after: Vec<String>,
    /// The permission bits that it had.
    pub mode: Option<u32>,
}

impl Record {
    /// Opens the one in the data folder of a mesh. That none is there is a record of nothing.
    pub fn open(data_dir: &Path) -> Result<Self, Failed> {
        let folder = data_dir.join("setup");
        let path = folder.join("manifest.json");
        let held = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Failed::Input(format!("{}: it is damaged: {error}", path.display())))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Held { form: FORM, ..Held::default() },
            Err(error) => return Err(Failed::Input(format!("{}: it cannot be read: {error}", path.display()))),
        };
        if held.form != FORM {
            return Err(Failed::Input(format!(
                "{}: its form is {}, and this version knows {FORM}",
                path.display(),
                held.form
            )));
        }
        Ok(Self { folder, held })
    }

    /// Returns what is known of a file.
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.held.files.iter().find(|entry| entry.path == path)
    }

    /// Returns the files of an agent that are known.
    pub fn of(&self, agent: Agent) -> impl Iterator<Item = &Entry> {
        self.held.files.iter().filter(move |entry| entry.agent == agent.as_str())
    }

    /// Returns what was in a file before the first setup: an empty text when there was no file, nothing when that is not
    /// known.
    pub fn earlier(&self, path: &Path) -> Result<Option<String>, Failed> {
        let Some(entry) = self.entry(path) else { return Ok(None) };
        entry.before.as_ref().map_or(Ok(Some(String::new())), |hash| self.copy(hash).map(Some))
    }

    /// Notes what is about to be written, with a copy of everything that will be overwritten. `without_us` are the files as
    /// they would be without us.
    pub fn prepare(
        &mut self,
        changes: &[Change],
        without_us: &BTreeMap<PathBuf, Option<String>>,
    ) -> Result<(), Failed> {
        for change in changes {
            let Some(after) = &change.draft.text else { continue };
            let path = &change.draft.path;
            if let Some(text) = &change.before {
                self.keep(text)?;
            }
            let present = change.before.as_deref().map(hash);
            // As long as nobody else has changed the file, what there was in the beginning is what comes back.
            let known =
                self.entry(path).filter(|entry| present.as_ref().is_some_and(|hash| entry.after.contains(hash)));
            let entry = match known.cloned() {
                Some(mut entry) => {
                    entry.after.push(hash(after));
                    entry
                }
                None => {
                    let text = without_us.get(path).unwrap_or(&change.before);
                    let before = text.as_deref().map(|text| self.keep(text)).transpose()?;
                    let mode = fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o7777);
                    let agent = change.agent.as_str().to_owned();
                    Entry { agent, path: path.clone(), before, after: vec![hash(after)], mode }
                }
            };
            self.held.files.retain(|other| other.path != *path);
            self.held.files.push(entry);
            self.note_folders(path);
        }
        self.save()
    }

    fn note_folders(&mut self, path: &Path) {
        let above = path.ancestors().skip(1).take_while(|folder| !folder.exists());
        let mut missing: Vec<PathBuf> = above.map(Path::to_owned).collect();
        missing.reverse();
        missing.retain(|folder| !self.held.folders.contains(folder));
        self.held.folders.extend(missing);
    }

    /// Forgets files.
    pub fn forget(&mut self, paths: &[PathBuf]) -> Result<(), Failed> {
        self.held.files.retain(|entry| !paths.contains(&entry.path));
        self.save()
    }

    /// Removes folders that were made by setup and are empty now.
    pub fn drop_folders(&mut self) -> Result<(), Failed> {
        let folders = std::mem::take(&mut self.held.folders);
        let is_left = |folder: &PathBuf| fs::remove_dir(folder).is_err() && folder.exists();
        // The inner ones were made last.
        let mut left: Vec<PathBuf> = folders.into_iter().rev().filter(is_left).collect();
        left.reverse();
        self.held.folders = left;
        if self.held.files.is_empty() {
            self.held.folders.clear();
            return self.clear();
        }
        self.save()
    }

    /// Returns the text with this hash.
    pub fn copy(&self, hash: &str) -> Result<String, Failed> {
        let path = self.copies().join(hash);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failed::Input(format!("{}: the copy cannot be read: {error}", path.display())))?;
        if self::hash(&text) == hash {
            Ok(text)
        } else {
            Err(Failed::Input(format!("{}: the copy is damaged", path.display())))
        }
    }

    /// Keeps a copy of a text, and returns its hash.
    pub fn keep(&self, text: &str) -> Result<String, Failed> {
        let hash = hash(text);
        let copies = self.copies();
        private_dir(&copies)?;
        let path = copies.join(&hash);
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            write::replace(&path, text, Some(0o600))?;
        }
        Ok(hash)
    }

    /// Returns the folder of the copies.
    pub fn copies(&self) -> PathBuf {
        self.folder.join("copies")
    }

    fn save(&self) -> Result<(), Failed> {
        private_dir(&self.folder)?;
        let text = serde_json::to_string_pretty(&self.held)? + "\n";
        Ok(write::replace(&self.folder.join("manifest.json"), &text, Some(0o600))?)
    }

    /// Nothing is left to undo: copies of people's settings are not kept for nothing.
    fn clear(&self) -> Result<(), Failed> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Returns the hash of a text.
pub fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn private_dir(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
