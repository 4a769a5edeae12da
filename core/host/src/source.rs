//! Opens the file of a plugin once: what is checked, hashed and copied came through one descriptor.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use rustix::fs::{Mode, OFlags};

use crate::{
    Step, ownership,
    status::{Problem, Refused},
};

/// Larger than any sane plugin; keeps a mistake from filling the memory.
const MOST_BYTES: u64 = 512 << 20;

/// What is in the file of a plugin.
pub(crate) struct Source {
    pub bytes: Vec<u8>,
    pub hash: blake3::Hash,
}

/// Reads a file that nobody but this user and root can change or put another in the place of.
pub(crate) fn read(path: &Path) -> Result<Source, Refused> {
    let failed = |error: io::Error| Problem::new(Step::Elf, format!("failed to read the file: {error}"));
    let canonical = fs::canonicalize(path).map_err(failed)?;
    // Neither waits for the other end of a pipe, nor follows a link that was put there since.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(&canonical, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let file = File::from(file);
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")).into());
    }
    // A link may stand in a folder other than that of the file.
    let links = path.parent().map_or(Ok(()), ownership::check_folder);
    let checked = links.and_then(|()| ownership::check(&file, &canonical));
    checked.map_err(|doubt| Refused::distrusted(doubt.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Problem::new(Step::Elf, format!("the file is larger than {} MiB", MOST_BYTES >> 20)).into());
    }
    let hash = blake3::hash(&bytes);
    Ok(Source { bytes, hash })
}
