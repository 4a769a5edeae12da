//! Writes files so that whoever looks finds all of one or nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Makes a folder that only this user reads.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes `bytes` beside `path`, makes them durable, and renames.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = put(path, bytes, File::sync_all)?;
    File::open(dir)?.sync_all()
}

/// As [`write`], but after a power cut the file may be gone, or hold anything: for what is looked at again before use.
pub(crate) fn write_for_now(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, |_| Ok(())).map(|_| ())
}

fn put<'a>(path: &'a Path, bytes: &[u8], sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<&'a Path> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no folder or no name"));
    };
    private_dir(dir)?;
    let mut temporary = std::ffi::OsString::from(".new-");
    temporary.push(name);
    let temporary = dir.join(temporary);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    sync(&file)?;
    fs::rename(&temporary, path)?;
    Ok(dir)
}
