//! Puts files in place so that nobody ever sees half of one.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Copies a file into a folder, which is made when missing. The file appears whole under its name, or not at all.
pub fn place(file: &Path, folder: &Path) -> Result<PathBuf> {
    let name = file.file_name().with_context(|| format!("`{}` names no file", file.display()))?;
    let placed = folder.join(name);
    let context = || format!("failed to copy `{}` to `{}`", file.display(), placed.display());
    fs::create_dir_all(folder).with_context(context)?;
    // The leading dot and the ending keep a daemon that watches the folder from taking it for a plugin.
    let half = folder.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let copied = fs::copy(file, &half).and_then(|_| fs::rename(&half, &placed));
    if copied.is_err() {
        // What is left of the copy, if anything; the first error is the one to tell.
        let _ = fs::remove_file(&half);
    }
    copied.with_context(context)?;
    Ok(placed)
}

/// Copies the plugins into a folder, and returns where they are now.
pub fn place_all(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    files.iter().map(|file| place(file, folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_its_older_self_and_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let source = root.path().join("plugin.so");
        let folder = root.path().join("config/plugins");
        for content in ["first", "second"] {
            fs::write(&source, content).unwrap();
            let placed = place(&source, &folder).unwrap();
            assert_eq!(fs::read_to_string(placed).unwrap(), content);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_copy_that_fails_leaves_nothing_behind_and_names_both_files() {
        let root = tempfile::tempdir().unwrap();
        let error = place(&root.path().join("absent.so"), &root.path().join("plugins")).unwrap_err().to_string();
        assert!(error.contains("absent.so") && error.contains("plugins"), "{error}");
        assert_eq!(fs::read_dir(root.path().join("plugins")).unwrap().count(), 0);
    }
}
