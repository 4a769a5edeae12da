//! A daemon under test: a process of its own, in a home of its own on a real disk.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tieline_config::{Home, env_name};
use tieline_host::TrustFile;

/// Limits that a load generator would run into at once. Whatever else is configured is the default.
const RAISED: [(&str, &str); 9] = [
    ("limits.rates.human.per_second", "1000000"),
    ("limits.rates.human.burst", "10000000"),
    ("limits.broadcast_rate.per_minute", "1000000"),
    ("limits.broadcast_rate.burst", "1000000"),
    ("limits.inbox_messages", "10000000"),
    ("limits.inbox_bytes", "1099511627776"),
    ("limits.open_asks", "1000000"),
    ("server.max_connections", "100000"),
    ("log.filter", "warn"),
];
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What is started, and where.
#[derive(Debug, Clone)]
pub struct Build {
    /// The binary.
    pub binary: PathBuf,
    /// The transports that are dropped into each home.
    pub plugins: Vec<PathBuf>,
    /// Where homes are made.
    pub folder: PathBuf,
}

/// A home that is deleted at the end.
#[derive(Debug)]
pub struct TestHome {
    root: TempDir,
    build: Build,
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    output: BufReader<ChildStdout>,
    home: Home,
    /// Where it listens, once it has said so.
    pub port: u16,
}

/// Says what differs from the defaults.
pub fn raised() -> impl Iterator<Item = String> {
    RAISED.iter().map(|(key, value)| format!("{}={value}", env_name(key)))
}

impl TestHome {
    /// Makes a home with the plugins in it.
    pub fn new(build: &Build) -> Result<Self> {
        fs::create_dir_all(&build.folder).with_context(|| format!("failed to make `{}`", build.folder.display()))?;
        let root = tempfile::Builder::new().prefix("home").tempdir_in(&build.folder)?;
        let home = Home::at(root.path());
        home.create()?;
        for plugin in &build.plugins {
            let placed = home.plugins_dir().join(plugin.file_name().context("a plugin without a file name")?);
            fs::copy(plugin, &placed).with_context(|| format!("failed to copy `{}`", plugin.display()))?;
            // Also where new files can be written by a group.
            fs::set_permissions(&placed, fs::Permissions::from_mode(0o644))?;
            TrustFile::trust(&home.trust_file(), &placed, "a benchmark", 0)?;
        }
        Ok(Self { root, build: build.clone() })
    }

    /// Returns the directories of this home.
    pub fn home(&self) -> Home {
        Home::at(self.root.path())
    }

    /// Starts a daemon here, without waiting for anything.
    pub fn spawn(&self) -> Result<Daemon> {
        let mut command = Command::new(&self.build.binary);
        command.arg("serve").env("TIELINE_HOME", self.root.path()).env("TIELINE_LISTEN", "127.0.0.1:0");
        command.envs(RAISED.iter().map(|(key, value)| (env_name(key), value)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("failed to start it")?;
        let output = BufReader::new(child.stdout.take().context("the daemon has no output")?);
        Ok(Daemon { child, output, home: self.home(), port: 0 })
    }

    /// Starts a daemon here, and waits until it is ready.
    pub fn start(&self) -> Result<Daemon> {
        let mut daemon = self.spawn()?;
        daemon.wait_healthy()?;
        daemon.read_port()?;
        Ok(daemon)
    }
}

impl Daemon {
    /// Waits for the first 200 of `/healthz`.
    pub fn wait_healthy(&mut self) -> Result<()> {
        let (started, socket) = (Instant::now(), self.home.socket());
        while started.elapsed() < START_LIMIT {
            if healthy(&socket).unwrap_or(false) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended before it was ready: {status}");
            }
            thread::sleep(Duration::from_micros(100));
        }
        bail!("the daemon was not ready within {START_LIMIT:?}")
    }

    /// Reads the port out of what the daemon says at its start.
    fn read_port(&mut self) -> Result<()> {
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some(rest) = line.split("http://127.0.0.1:").nth(1) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                self.port = digits.parse().with_context(|| format!("no port in `{}`", line.trim()))?;
                return Ok(());
            }
            line.clear();
        }
        bail!("the daemon did not say where it listens")
    }

    /// Returns the secret of the human, who may do everything.
    pub fn token(&self) -> Result<String> {
        let file = self.home.token_file("human");
        let text = fs::read_to_string(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        Ok(text.trim().to_owned())
    }

    /// Returns its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Returns the write-ahead log's file.
    pub fn wal(&self) -> PathBuf {
        self.home.database().with_extension("db-wal")
    }

    /// Tells it to end, and waits.
    pub fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let started = Instant::now();
        while started.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the daemon ended badly: {status}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the daemon did not end within {STOP_LIMIT:?}")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already when it was stopped; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn healthy(socket: &Path) -> io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}

/// A process, as `/proc` shows it.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Returns its resident memory in bytes.
    pub fn rss(self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).context("the process is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
        Ok(kib * 1024.0)
    }

    /// Returns how long each of its threads has run, in nanoseconds, by the thread's number. A thread that ends takes its time
    /// with it.
    pub fn cpu(self) -> Result<BTreeMap<u32, u64>> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.0)).context("the process is gone")? {
            let path = task?.path();
            let Some(number) = path.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
            // One that ended just now has no file any more.
            let Ok(text) = fs::read_to_string(path.join("schedstat")) else { continue };
            let ran = text.split(' ').next().and_then(|first| first.parse().ok());
            threads.insert(number, ran.context("the kernel keeps no `schedstat`")?);
        }
        Ok(threads)
    }
}
