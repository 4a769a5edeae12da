//! Takes from the process of a plugin what it does not need, before anything of the plugin runs.
#![allow(unsafe_code)]

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes the connection to the host from standard input, and closes every descriptor but that and the standard ones.
pub(super) fn take_line() -> io::Result<UnixStream> {
    let line = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    // Anything but a socket is told apart here.
    line.peer_addr()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    for descriptor in descriptors()? {
        if descriptor > 2 && descriptor != line.as_raw_fd() {
            // SAFETY: closing a number touches no memory. Nothing else of this process owns a descriptor: it has just
            // begun, and only the connection was made since.
            unsafe { libc::close(descriptor) };
        }
    }
    Ok(line)
}

/// Lists the open descriptors, with one that is closed again when this returns.
fn descriptors() -> io::Result<Vec<RawFd>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/dev/fd")? {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    Ok(found)
}

/// The process is killed when the thread that has started it is gone. Where that cannot be asked for, the closed
/// connection ends it.
pub(super) fn end_with_the_host() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Leaves it to the host when to end: whoever ends the daemon with its whole group or unit must not take from the plugin
/// the time to stop. Programs that the plugin starts are not concerned, as they would be by a signal that is ignored.
pub(super) fn leave_the_end_to_the_host() {
    extern "C" fn nothing(_: libc::c_int) {}
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: a handler that does nothing may run at any time and on any thread.
        unsafe { libc::signal(signal, nothing as *const () as libc::sighandler_t) };
    }
}

/// Limits memory and descriptors, and leaves no core file.
pub(super) fn limit(memory_bytes: u64, open_files: u64) -> io::Result<()> {
    for (resource, most) in [(Resource::Data, memory_bytes), (Resource::Nofile, open_files), (Resource::Core, 0)] {
        // A limit that holds already cannot be raised.
        let most = getrlimit(resource).maximum.map_or(most, |held| held.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Ends this process at once: without the destructors of a library whose threads may still run.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(code) }
}
