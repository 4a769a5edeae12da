//! The real daemon, as a process of its own, in a home of its own.
//!
//! [`Daemon::start`] is all that most tests need. A [`Home`] can be furnished before: configuration, plugins, environment.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::UnixStream,
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tieline_host::TrustFile;

use crate::wait::LIMIT;

/// How long a daemon has from its start to its first healthy answer, and from SIGTERM to its end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait between two looks at a process.
const PAUSE: Duration = Duration::from_millis(2);

/// The folder that this test was built into: where the binary and the plugins of the same build are.
pub fn build_dir() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test is known");
    let deps = own.parent().expect("a test lies in a folder");
    if deps.ends_with("deps") { deps.parent().expect("`deps` lies in a folder").to_owned() } else { deps.to_owned() }
}

/// A file of the build, which has to be there: cargo does not build other packages' binaries for a test.
fn built(name: &str) -> PathBuf {
    let path = build_dir().join(name);
    assert!(path.exists(), "`{}` was not built; run `cargo build --workspace` first", path.display());
    path
}

/// Returns the `tieline` binary of this build.
pub fn binary() -> PathBuf {
    built("tieline")
}

/// Returns the library of a package of this build, as in `tieline_transport_websocket`.
pub fn library(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    built(&format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}

/// Makes a folder that nobody else may write, also where the group may by default.
fn private_folder(folder: &Path) {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}

/// Returns the library of an example of the SDK, as in `file_drop`. Tests of the whole workspace build it.
pub fn example(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let path = build_dir().join("examples").join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"));
    let shown = path.display();
    assert!(path.exists(), "`{shown}` was not built; run `cargo build -p tieline-plugin-sdk --examples` first");
    path
}

/// A home that a daemon can be started in. It is deleted with its last user.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    env: Vec<(String, String)>,
    umask: Option<u32>,
    /// Marks its lasting port as taken.
    port: Option<UdpSocket>,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// Makes one with the websocket plugin in place.
    pub fn new() -> Self {
        let home = Self::bare();
        home.add_plugin(&library("tieline_transport_websocket"));
        home
    }

    /// Makes one without any plugin.
    pub fn bare() -> Self {
        let dir = tempfile::Builder::new().prefix("tieline-").tempdir().expect("a temporary folder");
        private_folder(&dir.path().join("config/plugins"));
        Self { dir, env: Vec::new(), umask: None, port: None }
    }

    /// Sets a variable of the daemon's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts its daemons under this umask, as a careless shell would.
    #[must_use]
    pub fn umask(mut self, umask: u32) -> Self {
        self.umask = Some(umask);
        self
    }

    /// Writes the configuration file.
    #[must_use]
    pub fn config(self, toml: &str) -> Self {
        fs::write(self.path().join("config/tieline.toml"), toml).expect("the configuration file");
        self
    }

    /// Puts a library into the plugin folder under its own name, and trusts it.
    pub fn add_plugin(&self, file: &Path) {
        let name = file.file_name().expect("a library has a name");
        let content = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.put_plugin(&name.to_string_lossy(), &content);
    }

    /// Puts a library with this content into the plugin folder, whole, and trusts it.
    pub fn put_plugin(&self, name: &str, content: &[u8]) {
        let incoming = self.path().join("incoming");
        private_folder(&incoming);
        let whole = incoming.join(name);
        fs::write(&whole, content).expect("a file of ours");
        fs::set_permissions(&whole, fs::Permissions::from_mode(0o644)).expect("a file of ours");
        self.trust_plugin(&whole);
        fs::rename(&whole, self.plugins().join(name)).expect("a file in the plugin folder");
    }

    /// Trusts a library as it is now, as `tieline plugins trust` does.
    pub fn trust_plugin(&self, file: &Path) {
        let record = tieline_config::Home::at(self.path()).trust_file();
        let trusted = TrustFile::trust(&record, file, "a test", 0);
        trusted.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Returns its folder: the value of `TIELINE_HOME`.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the folder that plugins are dropped into.
    pub fn plugins(&self) -> PathBuf {
        self.path().join("config/plugins")
    }

    /// Returns the Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/tieline.sock")
    }

    /// Returns the file of the first token of a kind: `human` or `agent`.
    pub fn token_file(&self, kind: &str) -> PathBuf {
        self.path().join(format!("data/tokens/{kind}.token"))
    }

    /// Returns the first token of a kind: `human` or `agent`.
    pub fn token(&self, kind: &str) -> String {
        let path = self.token_file(kind);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.trim().to_owned()
    }

    /// Returns a call of the binary in this home, with nothing of the environment that this test runs in.
    pub fn tieline<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(binary());
        command.args(args);
        command
    }

    fn program(&self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TIELINE_")) {
            command.env_remove(name);
        }
        command.env("TIELINE_HOME", self.path()).env("NO_COLOR", "1").env("RUST_BACKTRACE", "1");
        command.stdin(Stdio::null());
        command
    }

    /// Lets its daemons listen on a port that stays theirs while they are down: none that the system gives away by
    /// itself, to a client's end of a connection for example.
    #[must_use]
    pub fn lasting_port(mut self) -> Self {
        let take = |port: u16| {
            // The same number as a UDP port is the mark by which other tests see that it is taken.
            let mark = UdpSocket::bind(("127.0.0.1", port)).ok()?;
            TcpStream::connect(("127.0.0.1", port)).is_err().then_some((port, mark))
        };
        let (port, mark) = (20_000..30_000).find_map(take).expect("a free port");
        self.port = Some(mark);
        self.env("TIELINE_LISTEN", &format!("127.0.0.1:{port}"))
    }

    fn serve(&self) -> Command {
        let mut command = match self.umask {
            None => self.program(binary()),
            Some(umask) => {
                let mut shell = self.program("sh".into());
                shell.arg("-c").arg(format!("umask {umask:03o}; exec \"$0\" \"$@\"")).arg(binary());
                shell
            }
        };
        command.arg("serve").env("TIELINE_LISTEN", "127.0.0.1:0").envs(self.env.iter().cloned());
        command
    }

    /// Starts a daemon and waits until it is healthy.
    pub fn start(self) -> Daemon {
        Daemon::start_in(self)
    }

    /// Runs a daemon that is expected to end by itself, and returns what it said.
    pub fn run_to_its_end(&self) -> Output {
        let mut child =
            self.serve().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the daemon can be started");
        let out = collect(child.stdout.take());
        let err = collect(child.stderr.take());
        let Some(status) = wait_for_end(&mut child, PATIENCE) else {
            kill_now(&mut child);
            panic!("the daemon was expected to end by itself, and did not within {PATIENCE:?}");
        };
        let text = |receive: mpsc::Receiver<Vec<u8>>| receive.recv_timeout(PATIENCE).unwrap_or_default();
        Output { status, stdout: text(out), stderr: text(err) }
    }

    fn log_file(&self) -> PathBuf {
        self.path().join("daemon.log")
    }
}

/// A running daemon. It is killed when this is dropped; its log is shown when the test fails.
#[derive(Debug)]
pub struct Daemon {
    /// Its home.
    pub home: Home,
    /// Where it listens on TCP; another port after a restart.
    pub address: SocketAddr,
    child: Child,
}

impl Daemon {
    /// Starts one in a home of its own, with the websocket plugin, and waits until it is healthy.
    pub fn start() -> Self {
        Home::new().start()
    }

    fn start_in(home: Home) -> Self {
        let (child, address) = launch(&home);
        Self { home, address, child }
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        kill_now(&mut self.child);
    }

    /// Starts it again in the same home; ends it as `kill -9` does when it still runs. Without
    /// [`Home::lasting_port`] it listens on another port then.
    pub fn restart(&mut self) {
        self.kill();
        (self.child, self.address) = launch(&self.home);
    }

    /// Tells it to drain and end, and returns how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        // It may have ended already; then there is nothing to tell.
        let _gone = kill_process(Pid::from_child(&self.child), Signal::TERM);
        match wait_for_end(&mut self.child, PATIENCE) {
            Some(status) => status,
            None => panic!("the daemon was told to end {PATIENCE:?} ago and still runs:\n{}", self.log()),
        }
    }

    /// Tells whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked for").is_none()
    }

    /// Waits until it has ended by itself, and returns how.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for_end(&mut self.child, PATIENCE).expect("the daemon ends by itself")
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it said on standard output and in its log, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.home.log_file()).unwrap_or_default()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let status = self.child.try_wait().ok().flatten();
        kill_now(&mut self.child);
        if thread::panicking() {
            let how = status.map_or("running".to_owned(), |status| format!("{status}, signal {:?}", status.signal()));
            eprintln!("--- the daemon's log ({how}) ---\n{}\n--- end of the daemon's log ---", self.log());
        }
    }
}

/// Starts the process and reads where it listens.
fn launch(home: &Home) -> (Child, SocketAddr) {
    let open = || OpenOptions::new().create(true).append(true).open(home.log_file()).expect("the log file");
    let mut child = home.serve().stdout(Stdio::piped()).stderr(open()).spawn().expect("the daemon can be started");
    let first = first_line(child.stdout.take().expect("its output is a pipe"), open());
    let line = first.recv_timeout(PATIENCE).unwrap_or_default();
    let address = line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next()).map(str::parse);
    let Some(Ok(address)) = address else {
        let ended = wait_for_end(&mut child, LIMIT);
        kill_now(&mut child);
        let log = fs::read_to_string(home.log_file()).unwrap_or_default();
        panic!("the daemon did not start ({ended:?}); its first line was {line:?} and its log:\n{log}");
    };
    await_health(home, &mut child);
    (child, address)
}

/// Reads a daemon's output to its end into the log, and sends its first line.
fn first_line(output: impl Read + Send + 'static, mut log: File) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The log is for people; the first line counts, and only it is waited for.
            let _shown = writeln!(log, "{line}");
            let _read = send.send(line);
        }
    });
    receive
}

fn await_health(home: &Home, child: &mut Child) {
    let started = Instant::now();
    loop {
        if health(&home.socket()).is_ok_and(|line| line.contains(" 200 ")) {
            return;
        }
        let ended = child.try_wait().expect("a child can be asked for");
        if ended.is_some() || started.elapsed() > PATIENCE {
            kill_now(child);
            let log = fs::read_to_string(home.log_file()).unwrap_or_default();
            panic!("the daemon did not become healthy ({ended:?}):\n{log}");
        }
        thread::sleep(PAUSE);
    }
}

fn health(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read until a failure is all that there is.
            let _ended = pipe.read_to_end(&mut bytes);
        }
        let _read = send.send(bytes);
    });
    receive
}

fn wait_for_end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    loop {
        match child.try_wait().expect("a child can be asked for") {
            Some(status) => return Some(status),
            None if started.elapsed() > limit => return None,
            None => thread::sleep(PAUSE),
        }
    }
}

fn kill_now(child: &mut Child) {
    // Both fail only for a child that has ended and was waited for.
    let _gone = child.kill();
    let _reaped = child.wait();
}
