//! The daemon as a process: started, killed, told to stop, waited for.

use std::{
    fs,
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// How long a start, or an end, may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Which fail points are armed.
pub const FAIL_POINTS: &str = "TIELINE_FAILPOINTS";

/// What the tests set differently from `config/default.toml`: nobody is held up for sending much, and what a
/// receiver forgot to confirm comes again soon.
const SETTINGS: [(&str, &str); 11] = [
    ("TIELINE_LISTEN", "127.0.0.1:0"),
    ("TIELINE_LIMITS__RATES__AGENT__PER_SECOND", "1000000"),
    ("TIELINE_LIMITS__RATES__AGENT__BURST", "1000000"),
    ("TIELINE_LIMITS__BROADCAST_RATE__PER_MINUTE", "100000"),
    ("TIELINE_LIMITS__BROADCAST_RATE__BURST", "100000"),
    ("TIELINE_LIMITS__OPEN_ASKS", "10000"),
    ("TIELINE_BRAKES__PAIR_PER_MINUTE", "0"),
    ("TIELINE_BRAKES__DUPLICATE_MS", "0"),
    ("TIELINE_BRAKES__ACKNOWLEDGEMENT_MS", "0"),
    ("TIELINE_DELIVERY__ACK_WAIT_MS", "200"),
    ("TIELINE_LOG", "warn"),
];

/// A home that outlives the daemons that run on it.
pub struct Home {
    home: tieline_tests::daemon::Home,
    settings: Vec<(&'static str, &'static str)>,
}

impl Home {
    /// Makes an empty one, with the WebSocket transport in place. Its daemons run with these settings too.
    pub fn new(settings: &[(&'static str, &'static str)]) -> Self {
        let settings = [&SETTINGS, settings].concat();
        let shown: Vec<_> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        println!("settings: {}", shown.join(" "));
        Self { home: tieline_tests::daemon::Home::new(), settings }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Makes the command that takes in the transcripts of Claude Code in a folder.
    pub fn import(&self, folder: &Path) -> std::process::Command {
        let mut command = self.home.tieline(["import", "claude"]);
        command.arg(folder);
        command
    }

    /// Makes the command that a hook of an agent program is.
    pub fn hook(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.home.tieline(["hook"]);
        command.args(args).env_remove("TMUX").env_remove("TMUX_PANE").env_remove("CLAUDE_PID");
        command
    }

    /// Puts a library into the plugin folder, whole, and trusts it.
    pub fn put_plugin(&self, name: &str, content: &[u8]) {
        self.home.put_plugin(name, content);
    }

    /// Reads a token of the first start.
    pub fn token(&self, name: &str) -> String {
        self.home.token(name)
    }

    /// Returns what the daemons had to say.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("daemon.log")
    }

    /// Starts a daemon on this home, with these fail points armed. It is not waited for.
    pub fn spawn(&self, binary: &Path, fail_points: Option<&str>) -> Starting {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a file for the log");
        let mut command = Command::new(binary);
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("TIELINE_") {
                command.env_remove(key);
            }
        }
        command.arg("serve").env("TIELINE_HOME", self.home.path()).envs(self.settings.iter().copied());
        if let Some(points) = fail_points {
            command.env(FAIL_POINTS, points);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        Starting { child, lines }
    }
}

/// A daemon that does not listen yet.
pub struct Starting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Starting {
    /// Waits until it listens; tells its end when it ends instead.
    pub async fn listening(mut self) -> Result<Daemon, ExitStatus> {
        let found = timeout(LIMIT, async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                if let Some(address) = address_in(&line) {
                    return Some(address);
                }
            }
            None
        });
        let Some(address) = found.await.expect("a daemon starts, or ends, within its limit") else {
            return Err(self.ended().await);
        };
        // Whatever it says now must not fill the pipe.
        let mut lines = self.lines;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Daemon { child: self.child, address })
    }

    /// Kills it as it is.
    pub async fn kill(mut self) {
        // It may be dead already, by a fail point.
        let _ = self.child.start_kill();
        self.ended().await;
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child).await
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("is listening on http://")?;
    rest.split(' ').next()?.parse().ok()
}

/// A daemon that listens.
pub struct Daemon {
    child: Child,
    /// Where.
    pub address: SocketAddr,
}

impl Daemon {
    /// SIGKILL.
    pub async fn kill(mut self) {
        // It may be dead already, by a fail point.
        let _ = self.child.start_kill();
        ended(&mut self.child).await;
    }

    /// SIGTERM. It is not waited for.
    pub fn terminate(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let id = id.expect("a daemon that was not waited for yet");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a signal to a child");
    }

    /// Waits for its own end.
    pub async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child).await
    }
}

async fn ended(child: &mut Child) -> ExitStatus {
    let status = timeout(LIMIT, child.wait()).await.expect("a daemon ends within its limit");
    status.expect("a child can be waited for")
}

/// Tells whether it was killed, as a fail point does it.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(rustix::process::Signal::KILL.as_raw())
}
