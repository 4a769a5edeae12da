//! The record by which a daemon knows the plugins that were built with it.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tieline_host::FirstParty;

/// Writes the record of these plugins into a folder: that of the binary, or that of installed plugins.
pub fn record(folder: &Path, plugins: &[PathBuf]) -> Result<()> {
    let mut record = FirstParty::default();
    for plugin in plugins {
        record.add(plugin).with_context(|| format!("failed to read `{}`", plugin.display()))?;
    }
    let path = folder.join(FirstParty::FILE);
    record.save(&path).with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_reads_what_was_recorded() {
        let root = tempfile::tempdir().unwrap();
        let plugin = root.path().join("libx.so");
        std::fs::write(&plugin, "x").unwrap();
        record(root.path(), &[plugin]).unwrap();
        let read = FirstParty::load(&root.path().join(FirstParty::FILE)).unwrap();
        assert_eq!(read.plugins()[0].file, "libx.so");
        assert!(record(root.path(), &[root.path().join("absent.so")]).unwrap_err().to_string().contains("absent.so"));
    }
}
