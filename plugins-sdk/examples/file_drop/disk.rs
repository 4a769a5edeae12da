//! Files that are there after a crash, whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Writes a file, and returns when the disk has what is in it.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Puts a file in the place of another of that name. At any time there is one of the two.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    write(&fresh, content)?;
    fs::rename(&fresh, path)?;
    sync_names(path)
}

/// Returns when the disk has the names in the folder of a file.
pub fn sync_names(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
