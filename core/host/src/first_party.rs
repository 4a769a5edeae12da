//! The record of the plugins that came with the daemon: written when it is installed, beside what it names.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{files, trust_file};
use trust_file::TrustFileError;

const HEADER: &str = "# The plugins that came with this installation, by the BLAKE3 hash of their file.\n\n";

/// The plugins that came with a daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstParty {
    #[serde(default, rename = "plugin")]
    plugins: Vec<FirstPartyPlugin>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstPartyPlugin {
    /// The name of its file.
    pub file: String,
    /// The BLAKE3 hash of its content, in hexadecimal.
    pub hash: String,
}

impl FirstParty {
    /// The usual name of the record.
    pub const FILE: &str = "first-party.toml";

    /// Reads a record; without one there are no such plugins. It counts only while nobody else can write it.
    pub fn load(path: &Path) -> Result<FirstParty, TrustFileError> {
        let garbled = |error: toml::de::Error| TrustFileError::Garbled {
            path: path.to_owned(),
            reason: error.message().to_owned(),
        };
        trust_file::read(path)?.map_or_else(|| Ok(FirstParty::default()), |text| toml::from_str(&text).map_err(garbled))
    }

    /// Adds a library as it is now.
    pub fn add(&mut self, library: &Path) -> io::Result<()> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(library)?)?;
        let hash = hasher.finalize().to_hex().to_string();
        let file = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.plugins.retain(|known| known.file != file);
        self.plugins.push(FirstPartyPlugin { file, hash });
        Ok(())
    }

    /// Returns the plugins.
    pub fn plugins(&self) -> &[FirstPartyPlugin] {
        &self.plugins
    }

    /// Writes the record into a folder that exists.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        files::write(path, format!("{HEADER}{text}").as_bytes())?;
        // Unlike what a user trusts, it is no secret of one user.
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
    }
}

/// Tells whether one of the records names a hash. Says of each that does not count why.
pub(crate) fn has(records: &[PathBuf], hash: &str, mut say: impl FnMut(TrustFileError)) -> bool {
    records.iter().any(|path| match FirstParty::load(path) {
        Ok(record) => record.plugins.iter().any(|plugin| plugin.hash == hash),
        Err(error) => {
            say(error);
            false
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_names_its_plugins_by_their_hash() {
        let dir = tempfile::tempdir().unwrap();
        let (path, library) = (dir.path().join(FirstParty::FILE), dir.path().join("libecho.so"));
        let mut record = FirstParty::load(&path).unwrap();
        for content in ["old", "new"] {
            fs::write(&library, content).unwrap();
            record.add(&library).unwrap();
        }
        record.save(&path).unwrap();
        assert_eq!(FirstParty::load(&path).unwrap(), record);
        let hash = blake3::hash(b"new").to_hex().to_string();
        assert_eq!(record.plugins(), [FirstPartyPlugin { file: "libecho.so".into(), hash: hash.clone() }]);

        let records = [dir.path().join("absent.toml"), path.clone()];
        assert!(has(&records, &hash, |error| panic!("{error}")));
        assert!(!has(&records, "00", |error| panic!("{error}")));
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let mut said = Vec::new();
        assert!(!has(&records, &hash, |error| said.push(error.to_string())));
        assert!(said.len() == 1 && said[0].contains("first-party.toml"), "{said:?}");
    }
}
