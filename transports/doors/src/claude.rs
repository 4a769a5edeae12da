//! Claude Code: the inbox for messages between its sessions, a socket that its own list of sessions names.
//!
//! No key is used and no permission mode is claimed, as nothing here is a session of Claude Code: its rules for messages from
//! outside decide. They never approve anything; what comes during a dialog waits behind it.

use std::{
    fs::File,
    io::{Read, Write},
    net::Shutdown,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use crate::{door::Shut, proof, rules, wake::ProcessId};

/// The versions that it was tried with.
const TRIED: [&str; 1] = ["2.1.330"];
/// The protocol that these speak.
const PROTOCOL: u64 = 1;
/// The longest entry of the list that is read, in bytes.
const MAX_ENTRY: u64 = 64 * 1024;
/// How long it may take to read a line.
const PATIENCE: Duration = Duration::from_secs(2);

/// What Claude Code's own list says of one session.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    pid: u32,
    session_id: String,
    cwd: PathBuf,
    proc_start: String,
    version: String,
    peer_protocol: u64,
    kind: String,
    status: String,
    messaging_socket_path: Option<PathBuf>,
}

/// Has it begin a turn, when all that its own list says of the session is as it was tried.
pub fn prompt(process: ProcessId, home: &Path, native: &str, prompt: &str) -> Result<(), Shut> {
    let path = home.join("sessions").join(format!("{}.json", process.pid));
    let entry =
        read(&path).map_err(|reason| format!("Claude Code's list of sessions, `{}`: {reason}", path.display()))?;
    let folder = entry.cwd.clone();
    let socket = inbox(entry, process, native)?;
    rules::check(process.pid, home, &folder)?;
    Ok(tell(&socket, process, prompt)?)
}

fn read(path: &Path) -> Result<Entry, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_ENTRY).read_to_end(&mut text).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

/// Returns the socket of an entry, when it is of this very process and session, in a version that was tried, and at rest.
fn inbox(entry: Entry, process: ProcessId, native: &str) -> Result<PathBuf, Shut> {
    let Entry { pid, session_id, proc_start, version, peer_protocol, kind, status, messaging_socket_path, .. } = entry;
    if !TRIED.contains(&version.as_str()) {
        let tried = TRIED.join(", ");
        return Err(Shut::No(format!("its inbox was not tried with Claude Code {version}; it was with {tried}")));
    }
    if peer_protocol != PROTOCOL {
        return Err(Shut::No(format!("its inbox speaks protocol {peer_protocol}; wanted {PROTOCOL}")));
    }
    if (pid, proc_start.as_str()) != (process.pid, process.started.to_string().as_str()) {
        return Err(Shut::No(format!(
            "its own list names process {pid}, started at {proc_start}; wanted {}, started at {}",
            process.pid, process.started
        )));
    }
    if session_id != native {
        return Err(Shut::No(format!("its own list names session {session_id}; wanted {native}")));
    }
    if kind != "interactive" {
        return Err(Shut::No(format!("its own list calls it {kind}; wanted interactive")));
    }
    let socket = messaging_socket_path.ok_or_else(|| Shut::No("it has no inbox".into()))?;
    match status.as_str() {
        "idle" => Ok(socket),
        // A turn that ends, as when its last hook has just run.
        "busy" => Err(Shut::Busy("its own list says that it is busy".into())),
        other => Err(Shut::No(format!("its own list says that it is {other}"))),
    }
}

/// Puts one line into the inbox behind a socket, after proof that this process listens there.
///
/// # Errors
///
/// Says what is not as it should be; then nothing was written, or not the whole line.
pub fn tell(socket: &Path, process: ProcessId, prompt: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("its inbox does not take the line: {error}");
    let mut stream = proof::connect(socket, process)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.write_all(&frame(prompt)).map_err(failed)?;
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    // It says nothing; it hangs up after it has read everything.
    let _nothing = stream.read(&mut [0; 1]);
    Ok(())
}

fn frame(prompt: &str) -> Vec<u8> {
    let frame = json!({"type": "user", "message": {"role": "user", "content": prompt}, "priority": "next"});
    format!("{frame}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: ProcessId = ProcessId { pid: 7, started: 42 };

    fn entry(change: impl FnOnce(&mut serde_json::Value)) -> Result<PathBuf, Shut> {
        let mut entry = json!({
            "pid": 7, "sessionId": "n-1", "procStart": "42", "version": "2.1.330", "peerProtocol": 1,
            "kind": "interactive", "status": "idle", "messagingSocketPath": "/tmp/cc-socks/7.sock", "cwd": "/w",
        });
        change(&mut entry);
        inbox(serde_json::from_value(entry).unwrap(), PROCESS, "n-1")
    }

    #[test]
    fn an_inbox_is_used_when_everything_is_as_it_was_tried() {
        assert_eq!(entry(|_| ()), Ok(PathBuf::from("/tmp/cc-socks/7.sock")));
        assert_eq!(frame("[tieline] x").last(), Some(&b'\n'));
    }

    #[test]
    fn anything_else_is_refused_with_what_was_found() {
        let refused = |field: &str, value: serde_json::Value| match entry(|it| it[field] = value) {
            Err(Shut::No(reason)) => reason,
            other => panic!("{field}: {other:?}"),
        };
        for (field, value, wanted) in [
            ("version", json!("2.1.331"), "its inbox was not tried with Claude Code 2.1.331; it was with 2.1.330"),
            ("peerProtocol", json!(2), "its inbox speaks protocol 2; wanted 1"),
            ("procStart", json!("43"), "its own list names process 7, started at 43; wanted 7, started at 42"),
            ("pid", json!(8), "its own list names process 8, started at 42; wanted 7, started at 42"),
            ("sessionId", json!("n-2"), "its own list names session n-2; wanted n-1"),
            ("kind", json!("bg"), "its own list calls it bg; wanted interactive"),
            ("messagingSocketPath", json!(null), "it has no inbox"),
            ("status", json!("waiting"), "its own list says that it is waiting"),
        ] {
            assert_eq!(refused(field, value), wanted);
        }
        assert!(matches!(entry(|it| it["status"] = json!("busy")), Err(Shut::Busy(_))));
    }

    #[test]
    fn a_list_without_the_process_says_where_it_was_looked() {
        let home = tempfile::tempdir().unwrap();
        let Err(Shut::No(reason)) = prompt(PROCESS, home.path(), "n-1", "[tieline] x") else { panic!("no list") };
        assert!(reason.contains("sessions/7.json"), "{reason}");
    }
}
