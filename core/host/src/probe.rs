//! Opens a library in a child process first: what kills the child would have killed the daemon.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    library,
    manifest::Manifest,
    status::{Problem, Step},
};

/// More than any manifest or loader message.
const MOST_OUTPUT: u64 = 2 << 20;

/// Opens `file`, reads its declaration and prints the manifest as a line of JSON. Returns the exit code: 0, or 1 after
/// a line of JSON on standard error with the step and the reason. Meant for a process of its own.
pub fn probe(file: &Path) -> i32 {
    match library::open(file) {
        Ok(plugin) => {
            // One line: a manifest may have been written with line breaks.
            println!("{}", plugin.manifest_json.replace(['\n', '\r'], " "));
            0
        }
        Err(problem) => {
            eprintln!("{}", serde_json::json!({"step": problem.step, "reason": problem.reason}));
            1
        }
    }
}

/// Runs [`probe`] in a child, and returns the manifest that it found.
pub(crate) fn run(command: &[OsString], file: &Path, limit: Duration) -> Result<Manifest, Problem> {
    let wrong = |what: String| Problem::new(Step::Probe, what);
    let (program, args) = command.split_first().ok_or_else(|| wrong("no probe command is configured".to_owned()))?;
    let mut probe = Command::new(program);
    // A library that is only looked at has no business with the daemon's tokens and secrets.
    let is_secret = |name: &OsString| {
        let name = name.as_encoded_bytes();
        name == b"TIELINE_TOKEN" || name.starts_with(b"TIELINE_SECRET_")
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_secret(name)) {
        probe.env_remove(name);
    }
    let mut child = probe
        .args(args)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| wrong(format!("failed to start the probe `{}`: {error}", Path::new(program).display())))?;
    let until = Instant::now() + limit;
    let out = collect(child.stdout.take());
    let err = collect(child.stderr.take());
    let (Some(out), Some(err), Some(status)) = (
        out.recv_timeout(left(until)).ok(),
        err.recv_timeout(left(until)).ok(),
        wait(&mut child, until).map_err(|error| wrong(format!("failed to wait for the probe: {error}")))?,
    ) else {
        let _gone_already = child.kill();
        let _reaped = child.wait();
        return Err(wrong(format!("the probe did not end within {limit:?}; the library hangs when it is opened")));
    };
    judge(status, &out, &err)
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// Reads a pipe to its end on a thread of its own.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What could be read until a failure is all that there is.
            let _ended = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
        }
        // Nobody waits any more when the probe took too long.
        let _late = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}

/// Waits for a child whose pipes are closed, that is, which is about to end.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if left(until).is_zero() => return Ok(None),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn judge(status: ExitStatus, out: &str, err: &str) -> Result<Manifest, Problem> {
    let wrong = |what: String| Err(Problem::new(Step::Probe, what));
    if let Some(signal) = status.signal() {
        return wrong(format!(
            "the probe died of signal {signal} when it opened the library; the daemon would have died with it"
        ));
    }
    if status.success() {
        return match out.lines().find(|line| line.starts_with('{')) {
            Some(line) => Manifest::parse(line.as_bytes()),
            None => wrong("the probe printed no manifest".to_owned()),
        };
    }
    let said = err.lines().rev().find_map(|line| Problem::read(line.as_bytes()));
    match said {
        Some(problem) => Err(problem),
        None => wrong(format!(
            "the probe ended with {status} when it opened the library: {}",
            err.trim().chars().take(500).collect::<String>()
        )),
    }
}
