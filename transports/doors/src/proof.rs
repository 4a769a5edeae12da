//! Proof that a socket is a program's: by who owns it, and by what the kernel says of who listens on it.

use std::{os::unix::net::UnixStream, path::Path};

use crate::wake::ProcessId;

/// Connects to a socket that this very process listens on; an error says what is otherwise.
#[cfg(target_os = "linux")]
pub fn connect(path: &Path, process: ProcessId) -> Result<UnixStream, String> {
    use std::{
        fs,
        os::unix::fs::{FileTypeExt, MetadataExt},
    };

    let at = path.display();
    let look = |path: &Path| {
        fs::symlink_metadata(path).map_err(|error| format!("`{}` cannot be looked at: {error}", path.display()))
    };
    let folder = path.parent().filter(|_| path.is_absolute()).ok_or_else(|| format!("`{at}` is no whole path"))?;
    let own = rustix::process::getuid().as_raw();
    let socket = look(path)?;
    if !socket.file_type().is_socket() {
        return Err(format!("`{at}` is no socket"));
    }
    for (path, facts) in [(path, socket), (folder, look(folder)?)] {
        if facts.uid() != own || facts.mode() & 0o022 != 0 {
            return Err(format!(
                "`{}` is owned by user {} with mode {:o}; wanted user {own}, and nobody else may write",
                path.display(),
                facts.uid(),
                facts.mode() & 0o7777
            ));
        }
    }
    let stream = UnixStream::connect(path).map_err(|error| format!("`{at}` takes no connection: {error}"))?;
    let peer = rustix::net::sockopt::socket_peercred(&stream)
        .map_err(|error| format!("who listens at `{at}` is not known: {error}"))?;
    let listens = peer.pid.as_raw_nonzero().get().unsigned_abs();
    if (peer.uid.as_raw(), listens) != (own, process.pid) {
        return Err(format!("process {listens} listens at `{at}`; wanted process {}", process.pid));
    }
    // Only now is it certain that the number is still the one's that was looked at.
    if !tieline_process::is_alive(process.pid, process.started) {
        return Err(format!("its process {} is gone", process.pid));
    }
    Ok(stream)
}

/// Nowhere else is it known which process listens, in numbers that can be compared.
#[cfg(not(target_os = "linux"))]
pub fn connect(path: &Path, _process: ProcessId) -> Result<UnixStream, String> {
    Err(format!("whose `{}` is can be proved on Linux only", path.display()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        fs,
        os::unix::{fs::PermissionsExt, net::UnixListener},
    };

    use super::*;

    fn own() -> ProcessId {
        let pid = std::process::id();
        ProcessId { pid, started: tieline_process::find(pid).expect("this process runs").started }
    }

    #[test]
    fn only_the_socket_of_this_very_process_is_connected_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        connect(&path, own()).unwrap();

        let parent = tieline_process::find(tieline_process::find(own().pid).unwrap().parent).unwrap();
        let other = ProcessId { pid: parent.pid, started: parent.started };
        let refused = connect(&path, other).unwrap_err();
        assert!(refused.contains(&format!("wanted process {}", parent.pid)), "{refused}");
        let refused = connect(&path, ProcessId { started: 1, ..own() }).unwrap_err();
        assert!(refused.ends_with("is gone"), "{refused}");
    }

    #[test]
    fn what_others_could_have_put_there_is_not_connected_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.sock");
        assert!(connect(&path, own()).unwrap_err().contains("cannot be looked at"));
        fs::write(&path, "").unwrap();
        assert!(connect(&path, own()).unwrap_err().ends_with("is no socket"));
        fs::remove_file(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(connect(&link, own()).unwrap_err().ends_with("is no socket"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert!(connect(&path, own()).unwrap_err().contains("nobody else may write"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(connect(&path, own()).unwrap_err().contains("nobody else may write"));
    }
}
