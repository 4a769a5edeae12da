//! Mail for an agent program while the daemon dies between any two steps of handing it to a hook, or of waking: it comes
//! before the model once, the hook never fails, and what was under way is looked after.
//!
//! The program is played by this test: it runs the real hook, and writes what that prints into a record of its own, as
//! Claude Code does.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tieline_tests::http::{Place, Request};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    built,
    daemon::{Daemon, Home, was_killed},
};

/// Where a daemon can die that hands mail to a hook.
pub const HAND_OUT: [&str; 2] = ["report.before_hand_out", "report.after_hand_out"];
/// Where one can die that has a program woken.
pub const WAKE: [&str; 2] = ["wake.before_asking", "wake.after_asking"];
/// The commit around it, the first of a daemon and the second.
const COMMIT: [&str; 8] = [
    "store.before_begin=1",
    "store.before_commit=1",
    "store.after_commit=1",
    "router.before_reply=1",
    "store.before_begin=2",
    "store.before_commit=2",
    "store.after_commit=2",
    "router.before_reply=2",
];
const LIMIT: Duration = Duration::from_secs(30);

/// The agent program.
struct Program<'a> {
    home: &'a Home,
    record: PathBuf,
}

impl<'a> Program<'a> {
    fn new(home: &'a Home, folder: &std::path::Path) -> Self {
        let record = folder.join("record.jsonl");
        fs::write(&record, "").expect("a record");
        Self { home, record }
    }

    /// Runs a hook, and takes in what it prints.
    fn hook(&self, event: &str) {
        let payload = json!({
            "session_id": "n-1", "transcript_path": self.record, "cwd": "/work/api", "prompt_id": "1",
            "tool_name": "Bash", "tool_input": {"command": "true"}, "tool_use_id": "t",
        });
        let mut command: Command = self.home.hook(&["--agent", "claude", event]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the hook");
        child.stdin.take().expect("its input").write_all(payload.to_string().as_bytes()).expect("a payload");
        let out = child.wait_with_output().expect("the hook");
        assert!(out.status.success(), "{event}: the hook failed its agent");
        if out.stdout.is_empty() {
            return;
        }
        let answer: Value = serde_json::from_slice(&out.stdout).expect("an answer");
        let words = answer["hookSpecificOutput"]["additionalContext"].as_str().or(answer["reason"].as_str());
        let line = json!({"type": "attachment", "attachment": {"type": "hook_additional_context", "content": [words]}});
        let mut record = OpenOptions::new().append(true).open(&self.record).expect("a record");
        writeln!(record, "{line}").expect("a line");
    }

    fn count(&self, message: &str) -> usize {
        let record = fs::read_to_string(&self.record).expect("a record");
        record.matches(&format!("[tieline message {message}]")).count()
    }
}

async fn say(home: &Home, daemon: &Daemon, command: &Value) -> Value {
    let request = Request::command(command).token(&home.token("human"));
    let answer = request.send(&Place::Tcp(daemon.address)).await.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    answer["ok"].clone()
}

async fn tell(home: &Home, daemon: &Daemon, number: usize) -> String {
    let told = say(home, daemon, &json!({"notify": {"to": "api-claude", "text": format!("number {number}")}})).await;
    told["accepted"]["message"].as_str().expect("an id").to_owned()
}

async fn is_seen(home: &Home, daemon: &Daemon, message: &str) -> bool {
    let trace = say(home, daemon, &json!({"trace": {"message": message}})).await;
    trace["trace"]["deliveries"][0]["delivery"]["state"] == "seen"
}

#[tokio::test]
async fn mail_is_before_the_model_once_whenever_the_daemon_dies() {
    let (home, folder) = (Home::new(&[]), tempfile::tempdir().expect("a folder"));
    let spawn = |fail_points: Option<&str>| home.spawn(&built::daemon_with_fail_points(), fail_points).listening();
    let program = Program::new(&home, folder.path());
    let daemon = spawn(None).await.expect("a daemon");
    program.hook("SessionStart");
    program.hook("PreToolUse");
    daemon.kill().await;

    let mut told = Vec::new();
    let points: Vec<String> =
        HAND_OUT.iter().map(|name| format!("{name}=1")).chain(COMMIT.map(str::to_owned)).collect();
    for (number, point) in points.iter().enumerate() {
        let daemon = spawn(None).await.expect("a daemon");
        told.push(tell(&home, &daemon, number).await);
        daemon.kill().await;

        // A daemon may die at a fail point while it looks at what the last one left.
        let status = match spawn(Some(point)).await {
            Ok(mut daemon) => loop {
                program.hook("PostToolUse");
                if let Ok(status) = timeout(Duration::from_millis(200), daemon.ended()).await {
                    break status;
                }
            },
            Err(status) => status,
        };
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());
        // Nobody is there, and the agent is left alone.
        program.hook("PostToolUse");

        let daemon = spawn(None).await.expect("a daemon");
        let started = Instant::now();
        while !is_seen(&home, &daemon, &told[number]).await {
            program.hook("UserPromptSubmit");
            program.hook("PostToolUse");
            assert!(started.elapsed() < LIMIT, "{point}: not seen\n{}", home.log());
            sleep(Duration::from_millis(50)).await;
        }
        daemon.kill().await;
    }
    for message in &told {
        assert_eq!(program.count(message), 1, "{message} is before the model once");
    }
}

#[tokio::test]
async fn waking_goes_on_whenever_the_daemon_dies() {
    let (home, folder) =
        (Home::new(&[("TIELINE_AGENTS__WAKE_TIMEOUT_MS", "1000")]), tempfile::tempdir().expect("a folder"));
    let library = tieline_tests::daemon::library("tieline_transport_terminal");
    home.put_plugin("libtieline_transport_terminal.so", &fs::read(library).expect("the terminal transport"));
    let spawn = |fail_points: Option<&str>| home.spawn(&built::daemon_with_fail_points(), fail_points).listening();
    let program = Program::new(&home, folder.path());
    let daemon = spawn(None).await.expect("a daemon");
    program.hook("SessionStart");
    daemon.kill().await;

    for (number, point) in WAKE.iter().enumerate() {
        // This process plays the program, and is in no pane: the transport refuses, and that is said.
        let mut daemon = spawn(Some(&format!("{point}=1"))).await.expect("a daemon");
        wait_for_terminal(&home, &daemon).await;
        program.hook("UserPromptSubmit");
        program.hook("Stop");
        let command = json!({"notify": {"to": "api-claude", "text": format!("wake up {number}")}});
        let request = Request::command(&command).token(&home.token("human")).header("Idempotency-Key", point);
        let place = Place::Tcp(daemon.address);
        let _cut_off = tokio::spawn(async move { request.send(&place).await }).await;
        let status = daemon.ended().await;
        assert!(was_killed(status), "{point}: {status}\n{}", home.log());

        let daemon = spawn(None).await.expect("a daemon");
        wait_for_terminal(&home, &daemon).await;
        let request = Request::command(&command).token(&home.token("human")).header("Idempotency-Key", point);
        request.send(&Place::Tcp(daemon.address)).await;
        let started = Instant::now();
        while gave_up(&home, &daemon).await <= number {
            assert!(started.elapsed() < LIMIT, "{point}: nobody looked after it\n{}", home.log());
            sleep(Duration::from_millis(50)).await;
        }
        // The mail is taken by the next turn, so that each life has its own.
        program.hook("UserPromptSubmit");
        program.hook("Stop");
        daemon.kill().await;
    }
}

async fn wait_for_terminal(home: &Home, daemon: &Daemon) {
    let started = Instant::now();
    loop {
        let peers = say(home, daemon, &json!({"peer_list": {}})).await;
        let peers = peers["peers"]["peers"].as_array().expect("peers");
        if peers.iter().any(|peer| peer["transport"] == "terminal") {
            return;
        }
        assert!(started.elapsed() < LIMIT, "the terminal transport is not there\n{}", home.log());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Counts how often it was said that nothing can wake the program.
async fn gave_up(home: &Home, daemon: &Daemon) -> usize {
    let page = say(home, daemon, &json!({"timeline": {"sessions": ["api-claude"], "limit": 500}})).await;
    let events = page["timeline"]["events"].as_array().expect("events").iter();
    events.filter(|event| event["body"]["runtime_woken"]["gave_up"].is_object()).count()
}
