//! One daemon per database: an advisory lock that the kernel frees when the process dies.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::OpenError;

/// How long a lock is waited for whose holder is dead: a program that it was just starting has the open file too, until that
/// runs or gives up.
const HEIRS: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// Held as long as the store is open.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "the lock lives as long as the open file")] File);

/// Takes the lock, or says who has it.
pub fn take(path: &Path) -> Result<Lock, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path).map_err(io)?;
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let pid = holder(&mut file);
                let is_dead = pid.is_some_and(|pid| tieline_process::find(pid).is_none());
                if !is_dead || begin.elapsed() >= HEIRS {
                    return Err(OpenError::Locked { path: path.to_owned(), pid });
                }
                thread::sleep(LOOK);
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(Lock(file))
}

/// Reads who wrote that it has the lock.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_whose_holder_is_dead_is_waited_for_and_that_of_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = take(&path).unwrap();
        let begin = Instant::now();
        assert!(matches!(take(&path), Err(OpenError::Locked { pid: Some(pid), .. }) if pid == std::process::id()));
        assert!(begin.elapsed() < HEIRS, "its holder lives");

        // As if whoever wrote this had died, and a child of it had the file open for a moment longer.
        std::fs::write(&path, format!("{}\n", u32::MAX)).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || take(&path)
        });
        drop(held);
        waiting.join().unwrap().unwrap();
    }
}
