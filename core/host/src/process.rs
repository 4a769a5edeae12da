//! The process that a plugin runs in, as the host holds it.

use std::{
    ffi::OsString,
    io::{self, PipeReader},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};

use crate::lock;

/// What of the daemon's environment a plugin's process gets.
const ENVIRONMENT: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "RUST_BACKTRACE"];
/// How long a process may take to end by itself once its connection is closed.
const GRACE: Duration = Duration::from_secs(1);
/// How long the system may take to end a process that was killed.
const KILLED: Duration = Duration::from_secs(2);

/// The exit status of a process whose connection to the daemon was closed.
pub(crate) const LOST: i32 = 86;

/// One process of a plugin. Its own group, so that a key press at the daemon's terminal does not reach it, and what it
/// has started ends with it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    pid: u32,
    line: UnixStream,
    /// Why it was killed.
    why: OnceLock<String>,
}

impl Process {
    /// Starts `command` with `file` as its last argument. Returns the connection to it, which is its standard input,
    /// and what it prints.
    pub(crate) fn start(command: &[OsString], file: &Path) -> io::Result<(Process, UnixStream, PipeReader)> {
        let (program, args) =
            command.split_first().ok_or_else(|| io::Error::other("no command for it is configured"))?;
        let (ours, theirs) = UnixStream::pair()?;
        let (reads, writes) = io::pipe()?;
        let environment = ENVIRONMENT.iter().filter_map(|&name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(program)
            .args(args)
            .arg(file)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(writes.try_clone()?)
            .stderr(writes)
            .process_group(0)
            .spawn()?;
        let pid = child.id();
        let process = Process { child: Mutex::new(child), pid, line: ours.try_clone()?, why: OnceLock::new() };
        Ok((process, ours, reads))
    }

    /// Returns its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills it, and remembers why. False when it was killed before. Whoever reads from it hears that it is gone.
    pub(crate) fn kill(&self, why: String) -> bool {
        let is_first = self.why.set(why).is_ok();
        if is_first {
            self.kill_group(&lock(&self.child));
            self.hang_up();
        }
        is_first
    }

    /// Closes the connection, waits for its end, and says how that was. One that does not end by itself is killed.
    pub(crate) fn end(&self) -> String {
        self.hang_up();
        let is_over = self.wait(GRACE);
        // Whatever it has started, or itself.
        self.kill_group(&lock(&self.child));
        let is_over = is_over || self.wait(KILLED);
        // What the system does not end within these limits is left to itself.
        let status = is_over.then(|| lock(&self.child).wait());
        match (self.why.get(), status) {
            (Some(why), _) => why.clone(),
            (None, None) => "its process does not end, although it was killed".to_owned(),
            (None, Some(Ok(status))) => how_it_ended(status),
            (None, Some(Err(error))) => format!("failed to wait for its process: {error}"),
        }
    }

    fn hang_up(&self) {
        // Fails when the other end is gone, which is what is wanted.
        let _gone = self.line.shutdown(Shutdown::Both);
    }

    /// Waits until it has ended, and leaves it to be reaped: until then its number belongs to nobody else.
    fn wait(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while matches!(end_of(&lock(&self.child)), Ok(None)) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Ends all of its group.
    fn kill_group(&self, child: &Child) {
        // Once it was reaped, its number may be somebody else's.
        if end_of(child).is_ok() {
            // Fails when nobody of the group is left.
            let _gone = kill_process_group(Pid::from_child(child), Signal::KILL);
        }
    }
}

/// Looks whether a process has ended, without reaping it. An error says that it was reaped.
fn end_of(child: &Child) -> rustix::io::Result<Option<WaitIdStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), options)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says how a process ended.
fn how_it_ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("its process was killed by signal {signal} ({})", name(signal)),
        (None, Some(LOST)) => "its process has lost its connection to the daemon".to_owned(),
        (None, Some(0)) => "its process ended by itself".to_owned(),
        (None, code) => format!("its process ended with exit status {}", code.unwrap_or(-1)),
    }
}

fn name(signal: i32) -> &'static str {
    match Signal::from_named_raw(signal) {
        Some(Signal::ABORT) => "SIGABRT",
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::FPE) => "SIGFPE",
        Some(Signal::HUP) => "SIGHUP",
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::INT) => "SIGINT",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::PIPE) => "SIGPIPE",
        Some(Signal::QUIT) => "SIGQUIT",
        Some(Signal::SEGV) => "SIGSEGV",
        Some(Signal::SYS) => "SIGSYS",
        Some(Signal::TERM) => "SIGTERM",
        Some(Signal::TRAP) => "SIGTRAP",
        Some(Signal::XCPU) => "SIGXCPU",
        _ => "a signal without a name here",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read;

    use super::*;

    fn shell(script: &str) -> (Process, UnixStream, PipeReader) {
        let command = ["sh", "-c", script].map(OsString::from);
        Process::start(&command, Path::new("the-file")).unwrap()
    }

    #[test]
    fn the_end_of_a_process_is_told_as_a_sentence() {
        for (script, says) in [
            ("kill -SEGV $$", "its process was killed by signal 11 (SIGSEGV)"),
            ("exit 9", "its process ended with exit status 9"),
            ("exit 0", "its process ended by itself"),
        ] {
            let (process, mut line, _out) = shell(script);
            assert_eq!(line.read(&mut [0]).unwrap(), 0);
            assert_eq!(process.end(), says);
            assert_eq!(process.end(), says, "also the second time");
        }
    }

    #[test]
    fn a_process_that_stays_is_killed_with_what_it_has_started() {
        let (process, mut line, mut out) = shell("sleep 1000 & sleep 1000; exit 0");
        assert!(process.kill("it was told to".to_owned()));
        assert!(!process.kill("a second time".to_owned()));
        assert_eq!(line.read(&mut [0]).unwrap(), 0);
        // The pipe ends when the last process that holds it does.
        out.read_to_string(&mut String::new()).unwrap();
        assert_eq!(process.end(), "it was told to");
    }

    #[test]
    fn a_process_gets_the_file_and_little_of_the_environment() {
        let (_process, _line, mut out) = shell("echo $0; env | cut -d= -f1");
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("the-file"));
        // What a shell sets by itself is not the daemon's.
        let own = ["PWD", "OLDPWD", "SHLVL", "_"];
        assert!(lines.clone().any(|name| name == "PATH"));
        assert!(lines.all(|name| ENVIRONMENT.contains(&name) || own.contains(&name)), "{said}");
    }
}
