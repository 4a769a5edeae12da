//! What lies in the plugin folder, without opening any of it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::pipeline;

/// A library in the plugin folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub path: PathBuf,
    /// The name of the file.
    pub file: String,
    pub print: Print,
}

/// What changes when a file is written, replaced, or given to somebody else. Equal prints may still be different files;
/// that is what hashes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Returns the libraries of a folder, by name.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if !is_library(&path) {
            continue;
        }
        // A link to nowhere is something to tell of, too; what is gone by now is not.
        let Ok(metadata) = fs::metadata(&path).or_else(|_| fs::symlink_metadata(&path)) else { continue };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let print = Print {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        found.push(Found { path, file, print });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Returns the libraries of a plugin folder by name, each with the name of its plugin as far as the file's tells it.
/// Opens none of them.
pub fn libraries(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    Ok(list(dir)?.into_iter().map(|found| (pipeline::short_name(&found.file), found.path)).collect())
}

/// Tells whether a path has the name of a library that is not hidden.
pub(crate) fn is_library(path: &Path) -> bool {
    let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|end| end == "so" || end == "dylib")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_listed_by_name_and_seen_to_change() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["b.so", "a.dylib", ".hidden.so", ".a.so.part", "README.txt", "so"] {
            fs::write(at(name), "1").unwrap();
        }
        std::os::unix::fs::symlink("nowhere", at("c.so")).unwrap();
        let before = list(dir.path()).unwrap();
        assert_eq!(before.iter().map(|found| found.file.as_str()).collect::<Vec<_>>(), ["a.dylib", "b.so", "c.so"]);
        assert_eq!(list(dir.path()).unwrap(), before);
        fs::write(at("new"), "2").unwrap();
        fs::rename(at("new"), at("b.so")).unwrap();
        let after = list(dir.path()).unwrap();
        assert_eq!((after[0] == before[0], after[1] == before[1]), (true, false));
        list(&at("absent")).unwrap_err();
    }
}
