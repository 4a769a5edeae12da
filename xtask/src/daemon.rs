//! The daemon as a child: it gets our signals, and we learn when it ends.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGCHLD, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running daemon. From its start on, Ctrl-C and SIGTERM are its business: they reach it as SIGTERM, and it drains.
pub struct Daemon {
    child: Child,
    signals: Signals,
    is_stopping: bool,
}

/// How waiting for something ended.
pub enum Waited<T> {
    /// It came.
    For(T),
    /// The daemon was told to stop, and has.
    Stopped,
}

impl Daemon {
    /// Starts it, in a process group of its own: a Ctrl-C of the terminal then reaches it once, through us.
    pub fn start(mut command: Command) -> Result<Self> {
        let signals = Signals::new([SIGINT, SIGTERM, SIGCHLD]).context("failed to listen for signals")?;
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        let child = child.with_context(|| format!("failed to start {command:?}"))?;
        Ok(Self { child, signals, is_stopping: false })
    }

    /// Looks again and again until `look` finds something or `limit` has passed.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<Waited<T>> {
        let started = Instant::now();
        while started.elapsed() < limit {
            self.pass_signals()?;
            if let Some(status) = self.ended()? {
                return if self.is_stopping {
                    Ok(Waited::Stopped)
                } else {
                    bail!("the daemon ended before {what}: {status}")
                };
            }
            if let Some(found) = look() {
                return Ok(Waited::For(found));
            }
            thread::sleep(LOOK_AGAIN);
        }
        bail!("the daemon runs, but there was no {what} within {} s", limit.as_secs())
    }

    /// Runs another program beside the daemon, to its end.
    pub fn run_beside(&mut self, mut command: Command) -> Result<Waited<ExitStatus>> {
        let mut beside = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
        loop {
            if let Some(status) = beside.try_wait()? {
                self.pass_signals()?;
                return if self.is_stopping { self.wait().map(|()| Waited::Stopped) } else { Ok(Waited::For(status)) };
            }
            self.wait_signal()?;
        }
    }

    /// Waits for the daemon's own end, which is an error unless it was told to stop or ended well.
    pub fn wait(&mut self) -> Result<()> {
        loop {
            if let Some(status) = self.ended()? {
                return if self.is_stopping || status.success() { Ok(()) } else { bail!("the daemon ended: {status}") };
            }
            self.wait_signal()?;
        }
    }

    /// Tells it to drain and end.
    pub fn stop(&mut self) -> Result<()> {
        self.is_stopping = true;
        match self.ended()? {
            Some(_) => Ok(()),
            None => kill_process(Pid::from_child(&self.child), Signal::TERM).context("failed to signal the daemon"),
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("failed to ask for the daemon's state")
    }

    fn pass_signals(&mut self) -> Result<()> {
        let came: Vec<i32> = self.signals.pending().collect();
        self.pass(&came)
    }

    fn wait_signal(&mut self) -> Result<()> {
        let came: Vec<i32> = self.signals.wait().collect();
        self.pass(&came)
    }

    fn pass(&mut self, came: &[i32]) -> Result<()> {
        if came.iter().any(|signal| *signal != SIGCHLD) { self.stop() } else { Ok(()) }
    }
}

/// Whatever goes wrong here, no daemon stays behind.
impl Drop for Daemon {
    fn drop(&mut self) {
        if self.stop().and_then(|()| self.wait()).is_err() {
            // Not even a signal could be sent: there is nobody left to tell.
            let _ = self.child.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// A daemon that runs until it is told to stop, and makes a file when it is ready for that.
    fn patient(folder: &std::path::Path) -> Command {
        let mut command = shell("trap 'kill $!; exit 0' TERM; tail -f /dev/null & touch ready; wait");
        command.current_dir(folder);
        command
    }

    #[test]
    fn a_daemon_that_is_told_to_stop_ends_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::start(patient(folder.path())).unwrap();
        let ready = daemon.wait_for("file", LIMIT, || folder.path().join("ready").exists().then_some(())).unwrap();
        assert!(matches!(ready, Waited::For(())));
        let beside = daemon.run_beside(shell("exit 3")).unwrap();
        assert!(matches!(beside, Waited::For(status) if status.code() == Some(3)));
        daemon.stop().unwrap();
        let waited = daemon.wait_for("end", LIMIT, || None::<()>).unwrap();
        assert!(matches!(waited, Waited::Stopped));
        daemon.wait().unwrap();
    }

    #[test]
    fn a_daemon_that_dies_by_itself_is_an_error_with_its_status() {
        let mut daemon = Daemon::start(shell("exit 7")).unwrap();
        let error = daemon.wait_for("answer", LIMIT, || None::<()>).map(drop).unwrap_err().to_string();
        assert!(error.contains("before answer") && error.contains('7'), "{error}");
        assert!(daemon.wait().unwrap_err().to_string().contains('7'));
    }

    #[test]
    fn waiting_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::start(patient(folder.path())).unwrap();
        daemon.wait_for("file", LIMIT, || folder.path().join("ready").exists().then_some(())).map(drop).unwrap();
        let error = daemon.wait_for("answer", Duration::ZERO, || None::<()>).map(drop).unwrap_err().to_string();
        assert!(error.contains("no answer within 0 s"), "{error}");
    }
}
