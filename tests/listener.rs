//! `tieline hook --listen` beside a program, with a real daemon: what the plugins of OpenCode and pi speak to.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, binary},
    http::{Place, Request},
};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A program with its listener.
struct Program {
    listener: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
}

impl Program {
    fn start(home: &Home) -> Self {
        let mut command = Command::new(binary());
        command.args(["hook", "--listen", "--agent", "pi", "Listen"]).env("TIELINE_HOME", home.path());
        let mut listener = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (listener.stdin.take(), listener.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sender.send(serde_json::from_str(&line).unwrap()).unwrap();
            }
        });
        Self { listener, stdin, lines }
    }

    fn say(&mut self, event: &str, fields: &Value) {
        let mut payload = json!({"session_id": "n-1", "cwd": "/work/api"});
        payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let line = json!({"event": event, "payload": payload});
        writeln!(self.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Waits for what it is to be prompted with.
    fn prompted(&self) -> Value {
        self.lines.recv_timeout(LIMIT).expect("a prompt")
    }

    /// Shows a prompt in its conversation.
    fn show(&mut self, prompt: &Value) {
        self.say("UserPromptSubmit", &json!({"prompt": prompt["prompt"]}));
    }

    /// Ends as a program does that is killed; returns what was left for it.
    fn end_and_read(mut self) -> Vec<Value> {
        drop(self.stdin.take());
        assert!(self.listener.wait().unwrap().success());
        self.lines.iter().collect()
    }

    /// Ends as a program does that is killed; returns whether its listener has ended well.
    fn end(mut self) -> bool {
        drop(self.stdin.take());
        let begin = Instant::now();
        loop {
            if let Some(status) = self.listener.try_wait().unwrap() {
                return status.success();
            }
            assert!(begin.elapsed() < LIMIT, "the listener has outlived its program");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

async fn say(home: &Home, command: Value) -> Value {
    let request = Request::command(&command).token(&home.token("human"));
    let answer = request.send(&Place::Unix(home.socket())).await.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    answer["ok"].clone()
}

async fn tell(home: &Home, text: &str) -> String {
    let told = say(home, json!({"notify": {"to": "api-pi", "text": text}})).await;
    told["accepted"]["message"].as_str().unwrap().to_owned()
}

async fn until(what: &str, look: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !look().await {
        assert!(begin.elapsed() < LIMIT, "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn state(home: &Home, message: &str) -> String {
    let trace = say(home, json!({"trace": {"message": message}})).await;
    trace["trace"]["deliveries"][0]["delivery"]["state"].as_str().unwrap_or_default().to_owned()
}

async fn is_at(home: &Home, presence: &str) -> bool {
    let list = say(home, json!({"session_list": {}})).await;
    let sessions = list["sessions"]["sessions"].as_array().unwrap().clone();
    sessions.iter().any(|it| it["title"] == "api-pi" && it["runtime"]["presence"] == presence)
}

/// A program that rests, beside a daemon.
async fn resting() -> (Daemon, Program) {
    let daemon = Home::new().start();
    let mut program = Program::start(&daemon.home);
    program.say("UserPromptSubmit", &json!({"prompt": "hi"}));
    program.say("Stop", &json!({}));
    until("it to rest", async || is_at(&daemon.home, "idle").await).await;
    (daemon, program)
}

#[tokio::test]
async fn a_program_that_rests_is_prompted_and_what_it_shows_is_seen() {
    let (daemon, mut program) = resting().await;
    let sent = tell(&daemon.home, "good morning").await;
    let prompt = program.prompted();
    assert_eq!(prompt["session"], "n-1");
    assert!(prompt["prompt"].as_str().unwrap().contains(&format!("[tieline message {sent}]")), "{prompt}");
    assert_ne!(state(&daemon.home, &sent).await, "seen", "that it was told is no evidence");
    program.show(&prompt);
    until("it to be seen", async || state(&daemon.home, &sent).await == "seen").await;
    assert!(program.end());
}

#[tokio::test]
async fn a_daemon_that_is_killed_and_comes_back_is_heard_again() {
    let (mut daemon, mut program) = resting().await;
    let first = tell(&daemon.home, "before").await;
    let prompt = program.prompted();
    daemon.kill();
    // Nobody hears of it now.
    program.show(&prompt);
    program.say("Stop", &json!({}));
    daemon.restart();
    until("the first to be seen", async || state(&daemon.home, &first).await == "seen").await;
    let second = tell(&daemon.home, "after").await;
    let prompt = program.prompted();
    assert!(prompt["prompt"].as_str().unwrap().contains(&second), "{prompt}");
    assert!(!prompt["prompt"].as_str().unwrap().contains(&first), "nothing comes twice");
    assert!(program.end());
}

#[tokio::test]
async fn what_a_program_lost_it_is_given_again_and_told_so() {
    let (daemon, program) = resting().await;
    let sent = tell(&daemon.home, "good morning").await;
    assert!(program.prompted()["prompt"].as_str().unwrap().contains(&sent));
    // Its listener dies with what it was given; the plugin begins another, which is told where things stand.
    assert!(program.end());
    let mut program = Program::start(&daemon.home);
    program.say("Listen", &json!({"busy": false}));
    let again = program.prompted();
    let words = again["prompt"].as_str().unwrap();
    assert!(words.contains(&sent) && words.contains("You may have had it before"), "{words}");
    program.show(&again);
    until("it to be seen", async || state(&daemon.home, &sent).await == "seen").await;
    assert!(program.end());
}

#[tokio::test]
async fn a_program_that_ends_with_its_turn_is_given_nothing_at_its_end() {
    let (daemon, mut program) = resting().await;
    program.say("UserPromptSubmit", &json!({"prompt": "hi"}));
    until("it to work", async || is_at(&daemon.home, "working").await).await;
    let sent = tell(&daemon.home, "too late").await;
    program.say("Stop", &json!({"is_last": true}));
    until("it to rest", async || is_at(&daemon.home, "idle").await).await;
    let lines = program.end_and_read();
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(state(&daemon.home, &sent).await, "accepted");
}
