//! Copies a library to a name of its own, and loads from there.
//!
//! The loader takes a library that is open already for the same when the path is the same; and a file that is replaced
//! while it is open may end the process. So a copy, named after its content, is what gets opened. The file is read once:
//! what was checked and hashed is what is written.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    file_check, files,
    status::{Problem, Step},
};

/// Larger than any sane plugin; keeps a mistake from filling the memory.
const MOST_BYTES: u64 = 512 << 20;

/// A copy that is safe to open.
#[derive(Debug)]
pub(crate) struct Staged {
    pub path: PathBuf,
    pub hash: blake3::Hash,
}

/// Reads, checks and copies a library.
pub(crate) fn stage(source: &Path, name: &str, dir: &Path) -> Result<Staged, Problem> {
    let bytes = read(source)?;
    file_check::check(&bytes)?;
    let hash = blake3::hash(&bytes);
    let path = dir.join(format!("{name}-{}.so", &hash.to_hex()[..16]));
    files::write(&path, &bytes).map_err(|error| {
        Problem::new(Step::Stage, format!("failed to write the copy `{}`: {error}", path.display()))
    })?;
    forget_others(dir, name, &path);
    Ok(Staged { path, hash })
}

/// Reads a whole file, if it is one.
pub(crate) fn read(source: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = File::open(source).and_then(|file| {
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)
    });
    match read {
        Ok(n) if n as u64 <= MOST_BYTES => Ok(bytes),
        Ok(_) => Err(Problem::new(Step::Elf, format!("the file is larger than {} MiB", MOST_BYTES >> 20))),
        Err(error) => Err(Problem::new(Step::Elf, format!("failed to read the file: {error}"))),
    }
}

/// Removes earlier copies. One that is still open stays so: only its name goes.
fn forget_others(dir: &Path, name: &str, keep: &Path) {
    let is_copy = |file: &str| {
        file.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".so"))
            .is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path != keep && entry.file_name().to_str().is_some_and(is_copy) {
            // Left over, it only takes up room.
            let _still_there = fs::remove_file(path);
        }
    }
}
