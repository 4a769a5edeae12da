//! Remembers, beyond the end of the process, that a plugin was being started.
//!
//! A crash inside the process takes the daemon along, and nobody can catch it. The marker is written before the library
//! is opened and removed once the plugin has been healthy for a while, or was stopped. A daemon that finds one knows
//! whom it died with. Something else may have ended it at that moment (a kill, a power cut), so it takes three in a row.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{
    files,
    status::{Problem, Step},
};

/// How many daemons in a row may end while a plugin starts.
const ENDS: u32 = 3;

/// The marker of one plugin.
#[derive(Debug)]
pub(crate) struct Marker {
    path: PathBuf,
    /// What the plugin is: another file or other settings are given another chance.
    subject: String,
    /// How many daemons in a row have ended while it started.
    ends: u32,
    /// It was written, and not removed yet. Two files of one plugin share the place of the marker: the one that stops
    /// must not remove that of the one which starts.
    is_set: AtomicBool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Found {
    subject: String,
    ends: u32,
}

impl Marker {
    /// Looks for a marker that an earlier daemon has left. A problem when it accuses this very plugin.
    pub(crate) fn inspect(dir: &Path, name: &str, file: &blake3::Hash, config: &str) -> Result<Marker, Problem> {
        let subject = blake3::Hasher::new().update(file.as_bytes()).update(config.as_bytes()).finalize();
        let mut marker = Marker {
            path: path(dir, name),
            subject: subject.to_hex().to_string(),
            ends: 0,
            is_set: AtomicBool::new(false),
        };
        let text = match fs::read_to_string(&marker.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(marker),
            Err(error) => {
                return Err(Problem::new(
                    Step::Marker,
                    format!("failed to read the crash marker `{}`: {error}", marker.path.display()),
                ));
            }
        };
        // A power cut may leave the name of a file without its content.
        if text.is_empty() {
            return Ok(marker);
        }
        let accused = match serde_json::from_str::<Found>(&text) {
            Ok(found) if found.subject != marker.subject => return Ok(marker),
            Ok(found) => {
                marker.ends = found.ends + 1;
                marker.ends >= ENDS
            }
            // Written by something else, or by hand: taken at its word.
            Err(_) => true,
        };
        if !accused {
            return Ok(marker);
        }
        Err(Problem::new(
            Step::Marker,
            format!(
                "the daemon ended {ENDS} times while this plugin was starting, so it is not started again; \
                 replace the file, change its settings, or run `tieline plugins reload {name}` to try once more \
                 (`{}`)",
                marker.path.display()
            ),
        ))
    }

    /// Tells whether an earlier daemon has left a marker of this plugin.
    pub(crate) fn is_there(dir: &Path, name: &str) -> bool {
        path(dir, name).exists()
    }

    /// Removes what an earlier daemon has left: the plugin is given another chance.
    pub(crate) fn forgive(dir: &Path, name: &str) {
        remove(&path(dir, name));
    }

    /// Notes that the plugin is being loaded. What outlives this process is enough: a power cut accuses nobody.
    pub(crate) fn loading(&self) -> Result<(), Problem> {
        self.is_set.store(true, Ordering::Relaxed);
        let found = Found { subject: self.subject.clone(), ends: self.ends };
        let text = serde_json::to_vec(&found).map_err(io::Error::from);
        text.and_then(|text| files::write_for_now(&self.path, &text)).map_err(|error| {
            Problem::new(Step::Marker, format!("failed to write the crash marker `{}`: {error}", self.path.display()))
        })
    }

    /// Takes it back, if it was written.
    pub(crate) fn clear(&self) {
        if self.is_set.swap(false, Ordering::Relaxed) {
            remove(&self.path);
        }
    }
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.loading"))
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "failed to remove a crash marker");
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn inspect(dir: &Path, content: &[u8], config: &str) -> Result<Marker, Problem> {
        Marker::inspect(dir, "p", &blake3::hash(content), config)
    }

    #[test]
    fn after_three_ends_in_a_row_a_plugin_is_accused_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..ENDS {
            inspect(dir.path(), b"a", "{}").unwrap().loading().unwrap();
        }
        assert_eq!(inspect(dir.path(), b"a", "{}").unwrap_err().step, Step::Marker);
        assert_eq!(inspect(dir.path(), b"a", "{}").unwrap_err().step, Step::Marker);
        inspect(dir.path(), b"b", "{}").unwrap();
        assert!(Marker::is_there(dir.path(), "p"));
        Marker::forgive(dir.path(), "p");
        inspect(dir.path(), b"a", "{}").unwrap();
        assert!(!Marker::is_there(dir.path(), "p"));
    }

    #[test]
    fn a_file_that_stops_leaves_the_marker_of_the_one_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let old = inspect(dir.path(), b"a", "{}").unwrap();
        old.loading().unwrap();
        old.clear();
        let new = inspect(dir.path(), b"b", "{}").unwrap();
        new.loading().unwrap();
        old.clear();
        assert!(Marker::is_there(dir.path(), "p"));
        new.clear();
        assert!(!Marker::is_there(dir.path(), "p"));
    }

    #[test]
    fn a_good_start_forgets_the_ends_before_it() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            for _ in 1..ENDS {
                inspect(dir.path(), b"a", "{}").unwrap().loading().unwrap();
            }
            let last = inspect(dir.path(), b"a", "{}").unwrap();
            last.loading().unwrap();
            last.clear();
        }
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_taken_at_its_word() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("p.loading"), "?").unwrap();
        inspect(dir.path(), b"a", "{}").unwrap_err();
        fs::write(dir.path().join("p.loading"), "").unwrap();
        inspect(dir.path(), b"a", "{}").unwrap();
    }
}
