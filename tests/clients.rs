//! Foreign clients use a real daemon: a WebSocket client written from the protocol page, and the official MCP client.
//!
//! They are the programs of `tests/clients`, in Python. `cargo xtask test` makes the environment that they run in.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;
use tieline_tests::{
    daemon::{Daemon, Home, binary},
    python,
};

/// Longer than a scenario gives itself.
const LIMIT: Duration = Duration::from_secs(320);

/// A running scenario.
struct Scenario {
    child: Child,
    lines: mpsc::Receiver<String>,
    errors: mpsc::Receiver<String>,
    told: Vec<Value>,
}

impl Scenario {
    fn start(home: &Home, script: &str, args: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
        let mut command = Command::new(python());
        command.arg("-B").arg(script).args(args).current_dir(home.path()).env("TIELINE_HOME", home.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let (send, errors) = mpsc::channel();
        let mut output = child.stderr.take().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            // What could be read until a failure is all that there is.
            let _ended = output.read_to_string(&mut text);
            send.send(text)
        });
        Self { child, lines, errors, told: Vec::new() }
    }

    /// Waits for the next line; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        let line = match self.lines.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("nothing more was told within {LIMIT:?}: {}", self.account())
            }
        };
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.told.push(told.clone());
        Some(told)
    }

    /// Runs it to its end, which has to be good, and returns how many steps it took.
    fn finish(mut self) -> usize {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        let steps: Vec<&Value> = self.told.iter().filter(|told| told.get("step").is_some()).collect();
        let held =
            steps.iter().all(|step| step["ok"] == true) && steps.last().is_some_and(|step| step["step"] == "end");
        assert!(status.success() && held, "{status}: {}", self.account());
        steps.len()
    }

    fn account(&self) -> String {
        let lines: Vec<String> = self.told.iter().map(Value::to_string).collect();
        let errors = self.errors.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        format!("it told\n{}\n{errors}", lines.join("\n"))
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        // It has ended already unless the test fails.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Two peers over WebSocket, with more arguments.
fn websocket(daemon: &Daemon, more: &[&str]) -> Scenario {
    let home = &daemon.home;
    let url = format!("ws://{}/ws", daemon.address);
    let (agent, human) = (home.token_file("agent"), home.token_file("human"));
    let files = [agent.to_str().unwrap(), human.to_str().unwrap()];
    let args = ["--url", &url, "--token-a", files[0], "--token-b", files[1], "--max-back-off", "0.5"];
    Scenario::start(home, "ws_scenario.py", &[&args, more].concat())
}

#[test]
fn a_websocket_client_written_from_the_page_alone() {
    let daemon = Daemon::start();
    assert!(websocket(&daemon, &[]).finish() > 15);
}

#[test]
fn the_websocket_client_while_the_daemon_is_killed_in_its_storm() {
    let mut daemon = Home::new().lasting_port().start();
    let mut scenario = websocket(&daemon, &["--storm", "200"]);
    let mut kills = 0;
    while let Some(told) = scenario.next() {
        let has_begun = scenario.told.iter().any(|told| told["event"] == "storm_begins");
        let is_over = scenario.told.iter().any(|told| told["step"] == "storm");
        // At its begin, and then whenever a client is back and sends what it has no outcome of.
        if has_begun && !is_over && kills < 5 && (told["event"] == "storm_begins" || told["event"] == "welcome") {
            daemon.restart();
            kills += 1;
        }
    }
    assert!(kills >= 2, "the storm was over too soon: {kills} kills");
    scenario.finish();
}

#[test]
fn the_websocket_client_with_the_daemon_killed_between_its_phases() {
    let mut daemon = Home::new().lasting_port().start();
    websocket(&daemon, &["--dir", "work", "--phase", "1"]).finish();
    daemon.restart();
    websocket(&daemon, &["--dir", "work", "--phase", "2"]).finish();
    daemon.restart();
    websocket(&daemon, &["--dir", "work", "--phase", "2"]).finish();
}

#[test]
fn the_official_mcp_client_over_http() {
    let daemon = Daemon::start();
    let url = format!("http://{}/mcp", daemon.address);
    let token = daemon.home.token_file("agent");
    let args = ["--url", &url, "--token", token.to_str().unwrap()];
    assert!(Scenario::start(&daemon.home, "mcp_scenario.py", &args).finish() > 10);
    let args = [&args[..], &["--mode", "legacy"]].concat();
    assert!(Scenario::start(&daemon.home, "mcp_scenario.py", &args).finish() > 10);
}

#[test]
fn the_official_mcp_client_over_standard_input() {
    let daemon = Daemon::start();
    let program = binary();
    let args = ["--stdio", program.to_str().unwrap(), "mcp"];
    assert!(Scenario::start(&daemon.home, "mcp_scenario.py", &args).finish() > 10);
}
