//! Codex: its own queue of prompts for a thread, which a program at rest looks into every few seconds.
//!
//! The queue belongs to the folder that Codex keeps everything in; the very program that runs the session is asked to put a
//! line there. So it is certain which version speaks, and nothing is read or written behind its back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    door::{Sent, Shut},
    queue::Queue,
    wake::ProcessId,
};

/// The versions that it was tried with.
const TRIED: [&str; 1] = ["0.169.0"];

/// Puts a line into the queue of a thread.
pub fn prompt(process: ProcessId, home: &Path, native: &str, prompt: &str) -> Result<Sent, Shut> {
    let program = program(process)?;
    let (mut queue, version) = Queue::open(&program, home)?;
    if !TRIED.contains(&version.as_str()) {
        let tried = TRIED.join(", ");
        return Err(Shut::No(format!("its queue was not tried with Codex {version}; it was with {tried}")));
    }
    if queue.len(native)? > 0 {
        return Err(Shut::No("something waits in its queue already: it does not look into it now".into()));
    }
    if !tieline_process::is_alive(process.pid, process.started) {
        return Err(Shut::No(format!("its process {} is gone", process.pid)));
    }
    let line = queue.add(native, prompt)?;
    Ok(Sent::Queued { queue: Box::new(queue), line })
}

/// Finds the program of a process; the way to it leads to what runs, also after another version was put in its place.
fn program(process: ProcessId) -> Result<PathBuf, String> {
    let link = PathBuf::from(format!("/proc/{}/exe", process.pid));
    let program =
        fs::read_link(&link).map_err(|error| format!("its program is not known, `{}`: {error}", link.display()))?;
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.trim_end_matches(" (deleted)") != "codex" {
        return Err(format!("its program is `{}`; wanted one that is called `codex`", program.display()));
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_program_is_started() {
        let own = ProcessId { pid: std::process::id(), started: 0 };
        let Err(Shut::No(reason)) = prompt(own, Path::new("/nowhere"), "n-1", "[tieline] x") else {
            panic!("no codex")
        };
        assert!(reason.ends_with("wanted one that is called `codex`") || reason.contains("is not known"), "{reason}");
    }
}
