//! The record of which plugins a person trusts, by their hash, and which were switched off.
//!
//! It belongs to the daemon's data, and can be read and written without a daemon. What it says counts only while nobody
//! else can write it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{files, ownership};

/// More than any record has.
const MOST_BYTES: u64 = 16 << 20;
const HEADER: &str = "# Which plugins run: written by `tieline plugins trust`, `enable` and `disable`.\n\n";

/// The record, read into memory.
#[derive(Debug, Clone)]
pub struct TrustFile {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    disabled: BTreeSet<String>,
    #[serde(default)]
    trusted: Vec<Trusted>,
}

/// One file that somebody trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusted {
    /// The BLAKE3 hash of its content, in hexadecimal.
    pub hash: String,
    /// The plugin's name, or that of its file when the plugin's was not known.
    pub name: String,
    /// The name of the file.
    pub file: String,
    /// When, in milliseconds since 1970.
    pub trusted_at_ms: i64,
    /// Who said so: a principal's name, or a program's.
    pub by: String,
}

/// Why the record could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    /// It could not be read.
    #[error("failed to read the trust record `{}`: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("the trust record `{}` does not make sense ({reason}); mend it, or remove it and trust again", path.display())]
    Garbled {
        /// Which.
        path: PathBuf,
        /// In which way.
        reason: String,
    },
    /// Somebody else could have written it.
    #[error("the trust record does not count: {reason}")]
    Loose {
        /// What is wrong, and how to mend it.
        reason: String,
    },
    /// It could not be written.
    #[error("failed to write the trust record `{}`: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TrustFile {
    /// Reads the record; where there is none, nothing is trusted.
    pub fn load(path: impl Into<PathBuf>) -> Result<TrustFile, TrustFileError> {
        let path = path.into();
        let content = match read(&path)? {
            None => Content::default(),
            Some(text) => toml::from_str(&text)
                .map_err(|error| TrustFileError::Garbled { path: path.clone(), reason: error.message().to_owned() })?,
        };
        Ok(TrustFile { path, content })
    }

    /// Returns everything that is trusted, the newest last.
    pub fn trusted(&self) -> &[Trusted] {
        &self.content.trusted
    }

    /// Returns the entry of a hash.
    pub fn find(&self, hash: &str) -> Option<&Trusted> {
        self.content.trusted.iter().find(|trusted| trusted.hash == hash)
    }

    /// Returns what was trusted last under the name of a file.
    pub fn last_of(&self, file: &str) -> Option<&Trusted> {
        self.content.trusted.iter().rev().find(|trusted| trusted.file == file)
    }

    /// Trusts a hash. An earlier entry of the same hash is replaced; other hashes of the same plugin stay trusted, so
    /// that it can go back to them.
    pub fn record(&mut self, trusted: Trusted) {
        self.content.trusted.retain(|known| known.hash != trusted.hash);
        self.content.trusted.push(trusted);
    }

    /// Tells whether a plugin was switched off.
    pub fn is_disabled(&self, name: &str) -> bool {
        self.content.disabled.contains(name)
    }

    /// Switches a plugin off or on. False when it was so already.
    pub fn set_disabled(&mut self, name: &str, is_disabled: bool) -> bool {
        if is_disabled { self.content.disabled.insert(name.to_owned()) } else { self.content.disabled.remove(name) }
    }

    /// Writes the record so that it is there after a crash, whole, and for this user alone.
    pub fn save(&self) -> Result<(), TrustFileError> {
        let failed = |source| TrustFileError::Write { path: self.path.clone(), source };
        let text = toml::to_string(&self.content).map_err(|error| failed(io::Error::other(error)))?;
        files::write(&self.path, format!("{HEADER}{text}").as_bytes()).map_err(failed)
    }

    /// Trusts a library as it is now, and writes that down.
    pub fn trust(path: &Path, library: &Path, by: &str, now_ms: i64) -> Result<Trusted, TrustFileError> {
        let failed = |source| TrustFileError::Read { path: library.to_owned(), source };
        let mut hasher = blake3::Hasher::new();
        File::open(library).and_then(|file| hasher.update_reader(file).map(|_| ())).map_err(failed)?;
        let file = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trusted = Trusted {
            hash: hasher.finalize().to_hex().to_string(),
            name: crate::pipeline::short_name(&file),
            file,
            trusted_at_ms: now_ms,
            by: by.to_owned(),
        };
        let mut record = TrustFile::load(path)?;
        record.record(trusted.clone());
        record.save()?;
        Ok(trusted)
    }
}

/// Reads a file that only this user or root may write; nothing when it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<String>, TrustFileError> {
    let failed = |source| TrustFileError::Read { path: path.to_owned(), source };
    let canonical = match fs::canonicalize(path) {
        Ok(canonical) => canonical,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let file = File::open(&canonical).map_err(failed)?;
    ownership::check(&file, &canonical).map_err(|doubt| TrustFileError::Loose { reason: doubt.to_string() })?;
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn entry(hash: &str, file: &str) -> Trusted {
        Trusted {
            hash: hash.to_owned(),
            name: "echo".to_owned(),
            file: file.to_owned(),
            trusted_at_ms: 7,
            by: "human".to_owned(),
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugins/trust.toml");
        let mut record = TrustFile::load(&path).unwrap();
        assert!(record.trusted().is_empty());
        record.record(entry("aa", "libecho.so"));
        record.record(entry("bb", "libecho.so"));
        record.record(entry("aa", "libecho.so"));
        assert!(record.set_disabled("slack", true));
        assert!(!record.set_disabled("slack", true));
        record.save().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let mut record = TrustFile::load(&path).unwrap();
        assert_eq!(record.trusted(), [entry("bb", "libecho.so"), entry("aa", "libecho.so")]);
        assert_eq!(record.find("bb"), Some(&entry("bb", "libecho.so")));
        assert_eq!(record.find("cc"), None);
        assert_eq!(record.last_of("libecho.so").unwrap().hash, "aa");
        assert_eq!(record.last_of("libother.so"), None);
        assert!(record.is_disabled("slack") && !record.is_disabled("echo"));
        assert!(record.set_disabled("slack", false));
        record.save().unwrap();
        assert!(!TrustFile::load(&path).unwrap().is_disabled("slack"));
    }

    #[test]
    fn a_library_is_trusted_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, library) = (dir.path().join("trust.toml"), dir.path().join("libtieline_transport_echo.so"));
        fs::write(&library, "x").unwrap();
        let trusted = TrustFile::trust(&path, &library, "a test", 1).unwrap();
        assert_eq!(trusted.hash, blake3::hash(b"x").to_hex().as_str());
        assert_eq!((trusted.name.as_str(), trusted.file.as_str()), ("echo", "libtieline_transport_echo.so"));
        assert_eq!(TrustFile::load(&path).unwrap().find(&trusted.hash), Some(&trusted));
        TrustFile::trust(&path, &dir.path().join("absent.so"), "a test", 1).unwrap_err();
    }

    #[test]
    fn a_record_that_others_can_write_or_that_makes_no_sense_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trust.toml");
        fs::write(&path, "trusted = 3").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = TrustFile::load(&path).unwrap_err();
        assert!(matches!(error, TrustFileError::Garbled { .. }), "{error}");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let error = TrustFile::load(&path).unwrap_err().to_string();
        assert!(error.contains("trust.toml") && error.contains("0666") && error.contains("chmod"), "{error}");
    }
}
