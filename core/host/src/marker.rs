//! Remembers, beyond the end of the process, that a plugin was being started.
//!
//! A crash inside the process takes the daemon along, and nobody can catch it. The marker is written before the library
//! is opened and removed once the plugin has been healthy for a while, or was stopped. A daemon that finds one knows
//! whom it died with. While the plugin was being *loaded*, that is proof enough. Later, while it settles, something
//! else may have ended the daemon (a kill, a power cut), so it takes three in a row.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    files,
    status::{Problem, Step},
};

/// How many daemons may end while a plugin settles.
const SETTLING_ENDS: u32 = 3;

/// The marker of one plugin.
#[derive(Debug)]
pub(crate) struct Marker {
    path: PathBuf,
    /// What the plugin is: another file or other settings are given another chance.
    subject: String,
    /// How many daemons in a row have ended while it settled.
    ends: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Found {
    subject: String,
    phase: Phase,
    #[serde(default)]
    ends: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Loading,
    Settling,
}

impl Marker {
    /// Looks for a marker that an earlier daemon has left. A problem when it accuses this very plugin.
    pub(crate) fn inspect(dir: &Path, name: &str, file: &blake3::Hash, config: &str) -> Result<Marker, Problem> {
        let subject = blake3::Hasher::new().update(file.as_bytes()).update(config.as_bytes()).finalize();
        let mut marker =
            Marker { path: dir.join(format!("{name}.loading")), subject: subject.to_hex().to_string(), ends: 0 };
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
        let accused = match serde_json::from_str::<Found>(&text) {
            Ok(found) if found.subject != marker.subject => return Ok(marker),
            Ok(found) => {
                marker.ends = found.ends + 1;
                found.phase == Phase::Loading || marker.ends >= SETTLING_ENDS
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
                "the daemon ended while this plugin was starting, so it is not started again; \
                 replace the file, change its settings, or remove `{}` to try once more",
                marker.path.display()
            ),
        ))
    }

    /// Notes that the plugin is being loaded, and makes that durable.
    pub(crate) fn loading(&self) -> Result<(), Problem> {
        self.write(Phase::Loading)
    }

    /// Notes that it was started and has yet to prove itself.
    pub(crate) fn settling(&self) -> Result<(), Problem> {
        self.write(Phase::Settling)
    }

    /// Takes everything back.
    pub(crate) fn clear(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "failed to remove a crash marker");
            }
            _ => {}
        }
    }

    fn write(&self, phase: Phase) -> Result<(), Problem> {
        let found = serde_json::json!({ "subject": self.subject, "phase": phase, "ends": self.ends });
        files::write(&self.path, found.to_string().as_bytes()).map_err(|error| {
            Problem::new(Step::Marker, format!("failed to write the crash marker `{}`: {error}", self.path.display()))
        })
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
    fn a_plugin_that_was_being_loaded_is_accused_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        inspect(dir.path(), b"a", "{}").unwrap().loading().unwrap();
        assert_eq!(inspect(dir.path(), b"a", "{}").unwrap_err().step, Step::Marker);
        assert_eq!(inspect(dir.path(), b"a", "{}").unwrap_err().step, Step::Marker);
        inspect(dir.path(), b"b", "{}").unwrap();
        inspect(dir.path(), b"a", r#"{"x":1}"#).unwrap().clear();
        inspect(dir.path(), b"a", "{}").unwrap();
    }

    #[test]
    fn while_it_settles_it_takes_three_in_a_row() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let marker = inspect(dir.path(), b"a", "{}").unwrap();
            marker.loading().unwrap();
            marker.settling().unwrap();
        }
        assert!(inspect(dir.path(), b"a", "{}").unwrap_err().reason.contains("p.loading"));
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_taken_at_its_word() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("p.loading"), "").unwrap();
        inspect(dir.path(), b"a", "{}").unwrap_err();
    }
}
