//! The program as a newcomer meets it: a real daemon, real commands, what they print and their exit codes.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A daemon on a free port in a home of its own.
struct Daemon {
    home: TempDir,
    process: Child,
    /// Held open, so that the daemon may go on talking.
    _said: BufReader<ChildStdout>,
    url: String,
}

impl Daemon {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut process = tieline(home.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The daemon says where it listens once it does.
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(" is listening on ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the daemon did not start");
        }
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { home, process, _said: said, url }
    }

    fn run(&self, args: &[&str]) -> Output {
        tieline(self.home.path()).args(args).output().unwrap()
    }

    /// Runs a command that has to succeed, and returns its JSON.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", text(&output)))
    }

    fn agent_token(&self) -> String {
        self.home.path().join("data/tokens/agent.token").display().to_string()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn tieline(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieline"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TIELINE_")) {
        command.env_remove(name);
    }
    command.env("TIELINE_HOME", home).stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn without_a_daemon_it_says_where_it_looked_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = tieline(home.path()).arg("whoami").output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    assert!(text(&output).contains("run/tieline.sock") && text(&output).contains("tieline serve"), "{}", text(&output));

    let output = tieline(home.path()).args(["--json", "whoami"]).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["error"]["exit_code"], 69);
}

#[test]
fn the_configuration_is_checked_without_a_daemon() {
    let home = tempfile::tempdir().unwrap();
    let check = |home: &Path| tieline(home).args(["config", "check"]).output().unwrap();
    assert!(check(home.path()).status.success());
    std::fs::create_dir(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/tieline.toml"), "[server]\nworkers = 0\nlistne = 1\n").unwrap();
    let output = check(home.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("2 problems"), "{}", text(&output));
}

#[test]
fn an_ask_is_waited_for_answered_and_traced() {
    let daemon = Daemon::start();
    let agent = daemon.agent_token();
    let mut asking = tieline(daemon.home.path())
        .args(["ask", "agent", "May I merge?", "--wait", "30", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(asking.stdout.take().unwrap()).lines().map(Result::unwrap);
    let asked: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    let id = asked["ok"]["accepted"]["message"].as_str().unwrap().to_owned();

    let inbox = daemon.run(&["--token-file", &agent, "inbox", "--ack"]);
    assert!(text(&inbox).contains("May I merge?") && text(&inbox).contains(&format!("tieline ack {id}")));
    let again = daemon.run(&["--token-file", &agent, "inbox"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), "nothing waits\n");
    assert!(daemon.run(&["--token-file", &agent, "ack", &id, "Yes."]).status.success());

    let answer: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
    assert_eq!(answer["ok"]["trace"]["message"]["text"], "Yes.");
    assert!(asking.wait().unwrap().success());
    let trace = daemon.json(&["trace", &id]);
    assert_eq!(trace["ok"]["trace"]["deliveries"][0]["delivery"]["state"], "answered");
    // What was shown counts as read.
    assert_eq!(daemon.json(&["inbox"])["ok"]["inbox"]["items"], Value::Array(Vec::new()));
}

#[test]
fn an_ask_that_nobody_answers_in_time_is_a_no() {
    let daemon = Daemon::start();
    let output = daemon.run(&["ask", "agent", "Anybody?", "--wait", "0"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("The ask stays open"), "{}", text(&output));
    let output = daemon.run(&["ask", "agent", "Quick!", "--wait", "20", "--expires", "200ms"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("the ask is expired"), "{}", text(&output));
}

#[test]
fn a_follower_prints_what_comes_and_acknowledges_it() {
    let daemon = Daemon::start();
    let mut following = tieline(daemon.home.path())
        .args(["--json", "--token-file", &daemon.agent_token(), "inbox", "--follow", "--ack"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    for word in ["one", "two", "three"] {
        assert!(daemon.run(&["notify", "agent", word]).status.success());
        let item: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert_eq!(item["message"]["text"], word);
    }
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn a_refusal_has_the_exit_code_of_the_table() {
    let daemon = Daemon::start();
    let agent = daemon.agent_token();
    let lost = "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f";
    for (args, code, says) in [
        (&["ask", "agnet", "x"][..], 5, "did you mean: agent"),
        (&["trace", lost], 5, "unknown_message"),
        (&["notify", "agent", ""], 2, "bad_input"),
        (&["inbox", "agent"], 4, "not_your_session"),
        (&["--token-file", &agent, "token", "list"], 4, "token:manage"),
    ] {
        let output = daemon.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{args:?}: {}", text(&output));
    }
    let wrong = tieline(daemon.home.path()).env("TIELINE_TOKEN", "wrong").arg("whoami").output().unwrap();
    assert_eq!(wrong.status.code(), Some(3), "{}", text(&wrong));
}

#[test]
fn a_token_goes_to_a_file_and_speaks_until_it_is_revoked() {
    let daemon = Daemon::start();
    let file = daemon.home.path().join("build.token").display().to_string();
    let created = daemon.json(&["token", "create", "build", "--out", &file]);
    assert_eq!(created["ok"]["token_created"]["secret"], "", "the secret is in the file only");
    let id = created["ok"]["token_created"]["token"].as_str().unwrap();
    let who = daemon.json(&["--token-file", &file, "--url", &daemon.url, "whoami"]);
    assert_eq!(who["ok"]["whoami"]["principal"]["name"], "build");
    assert!(daemon.run(&["token", "revoke", id]).status.success());
    assert_eq!(daemon.run(&["--token-file", &file, "whoami"]).status.code(), Some(3));
}

#[test]
fn the_doctor_proves_a_round_trip_and_leaves_nothing_open() {
    let daemon = Daemon::start();
    let output = daemon.run(&["doctor", "--url", &daemon.url]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for check in ["home", "token", "socket", "tcp", "send", "read", "acknowledge", "trace", "round trip"] {
        assert!(
            said.lines().any(|line| line.starts_with("ok ") && line[4..].trim().starts_with(check)),
            "{check}: {said}"
        );
    }
    assert!(said.contains("human.token") && said.contains("tieline.db"), "{said}");
    let open = daemon.json(&["sessions"]);
    let titles: Vec<&Value> =
        open["ok"]["sessions"]["sessions"].as_array().unwrap().iter().map(|session| &session["title"]).collect();
    assert_eq!(titles, ["mesh", "human", "agent"], "{open}");
}

#[test]
fn the_primer_needs_no_daemon_and_can_be_a_skill() {
    let home = tempfile::tempdir().unwrap();
    let primer = tieline(home.path()).arg("primer").output().unwrap();
    assert!(primer.status.success(), "{}", text(&primer));
    assert!(text(&primer).starts_with("# "), "{}", text(&primer));
    let skill = tieline(home.path()).args(["primer", "--skill"]).output().unwrap();
    assert!(text(&skill).starts_with("---\nname: tieline\n"), "{}", text(&skill));
}

#[test]
fn a_sessions_work_is_handed_over_with_its_asks_files_and_words() {
    let daemon = Daemon::start();
    daemon.json(&["sessions", "open", "review", "--project", "/work/api"]);
    let activities = daemon.home.path().join("activities.jsonl");
    let lines = [
        r#"{"said":{"role":"assistant","text":"The tests pass.\n# Not a head"}}"#,
        r#"{"file_changed":{"path":"src/api.rs","change":"created"}}"#,
        r#"{"file_changed":{"path":"src/api.rs","change":"modified"}}"#,
    ];
    std::fs::write(&activities, lines.join("\n")).unwrap();
    daemon.json(&["record", "--session", "review", activities.to_str().unwrap()]);
    let asked = daemon.json(&["--token-file", &daemon.agent_token(), "ask", "review", "May I merge?"]);
    let answered = daemon.json(&["--token-file", &daemon.agent_token(), "ask", "review", "Done?"]);
    let id = |told: &Value| told["ok"]["accepted"]["message"].as_str().unwrap().to_owned();
    daemon.json(&["ack", &id(&answered), "yes"]);

    let bundle = text(&daemon.run(&["sessions", "bundle", "review"]));
    for wanted in [
        "# Hand-over of `review`",
        "- project: `/work/api`",
        &format!("waits for its answer to {}:\n  > May I merge?", id(&asked)),
        "- modified `src/api.rs`",
        "  > The tests pass.\n  > # Not a head",
    ] {
        assert!(bundle.contains(wanted), "{wanted}: {bundle}");
    }
    assert!(!bundle.contains("Done?") && !bundle.contains("created `"), "{bundle}");

    daemon.json(&["sessions", "bundle", "review", "--to", "agent"]);
    let inbox = daemon.json(&["--token-file", &daemon.agent_token(), "inbox", "--lane", "msg"]);
    let items = inbox["ok"]["inbox"]["items"].as_array().unwrap();
    let told = items.iter().find(|item| item["message"]["kind"] == "notify").unwrap();
    assert!(told["message"]["text"].as_str().unwrap().starts_with("# Hand-over of `review`"), "{told}");
}

#[test]
fn a_file_is_leased_from_where_one_is_and_given_back() {
    let daemon = Daemon::start();
    let leased = daemon.json(&["files", "lease", "src", "Cargo.toml", "--for", "2h", "--note", "new errors"]);
    let leases = leased["ok"]["file_leased"]["leases"].as_array().unwrap();
    let own = std::env::current_dir().unwrap().display().to_string();
    assert_eq!(leases[0]["path"], format!("{own}/src/"));
    assert_eq!(leases[1]["path"], format!("{own}/Cargo.toml"));
    let list = text(&daemon.run(&["files", "list"]));
    assert!(list.contains("new errors") && list.contains("1 h 59 min"), "{list}");
    let released = text(&daemon.run(&["files", "release", "Cargo.toml"]));
    assert_eq!(released.trim(), format!("released {own}/Cargo.toml"));
    daemon.json(&["files", "release"]);
    assert_eq!(text(&daemon.run(&["files", "list"])).trim(), "no files are on lease");
}
