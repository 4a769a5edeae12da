//! `tieline spawn`: a program is started in tmux for a new session, gets its mail there, goes on where it left off when it is started
//! again, and is ended.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    program::{Kind, programs},
    stage::Stage,
};

/// The server of tmux that programs are spawned in.
struct Server(String);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended with its last pane.
        let _ended = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

/// A profile that starts a program with what the person's shell has in its environment.
fn config(kind: Kind, server: &str, person: &Path, model: &str) -> String {
    let mut words = vec![
        format!("HOME={}", person.display()),
        format!("PATH={}:{}", programs().display(), std::env::var("PATH").unwrap_or_default()),
    ];
    words.extend(kind.environment(model).into_iter().map(|(name, value)| format!("{name}={value}")));
    let profile = format!("usual {} env {} {}", kind.name(), words.join(" "), kind.command());
    let roots = json!([person]);
    format!(
        "[spawn]\nroots = {roots}\nprofiles = {}\n\n[plugins.terminal.settings]\nserver = \"{server}\"\n",
        json!([profile, format!("broken claude sh {}/broken.sh", person.display())])
    )
}

#[tokio::test]
async fn claude_code_is_spawned_and_goes_on_where_it_left_off() {
    let server = Server(format!("tieline-test-{}", std::process::id()));
    let kind = Kind::Claude;
    let stage = Stage::configured(&[kind], |person, model| config(kind, &server.0, person, model)).await;
    let folder = stage.folder();
    let spawn = ["--json", "spawn", folder.to_str().expect("a path"), "--profile"];
    let output = stage.tieline(&[&spawn[..], &["usual", "--title", "helper"]].concat(), kind).await;
    assert!(output.status.success(), "{output:?}");
    let spawned: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(spawned["ok"]["session"]["runtime"]["presence"], "idle", "it looks on until it is there: {spawned}");
    let first = stage.wait_presence("helper", "idle").await;
    let greeting = stage.tell("helper", "good morning").await;
    stage.wait_seen(&greeting).await;
    stage.wait_presence("helper", "idle").await;

    stage.say("human", &json!({"spawn_restart": {"session": "helper"}})).await;
    let again = stage
        .until("another process", async || {
            let session = stage.session("helper").await?;
            let is_other = session["runtime"]["process"] != first["runtime"]["process"];
            (is_other && session["runtime"]["presence"] == "idle").then_some(session)
        })
        .await;
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["runtime"]["native"], first["runtime"]["native"], "it goes on with its own session");
    let news = stage.tell("helper", "welcome back").await;
    stage.wait_seen(&news).await;
    assert!(stage.model.heard("good morning") > 1, "its conversation is still there");

    stage.wait_presence("helper", "idle").await;
    stage.say("human", &json!({"spawn_kill": {"session": "helper"}})).await;
    stage.wait_presence("helper", "offline").await;
    let process = &again["runtime"]["process"];
    let number = |name: &str| process[name].as_u64().expect("a number");
    let pid = u32::try_from(number("pid")).expect("a process");
    stage.until("it to be gone", async || (!tieline_process::is_alive(pid, number("started"))).then_some(())).await;
}

#[tokio::test]
async fn codex_is_spawned_and_says_at_once_that_it_is_there() {
    let server = Server(format!("tieline-test-{}", std::process::id()));
    let kind = Kind::Codex;
    let stage = Stage::configured(&[kind], |person, model| config(kind, &server.0, person, model)).await;
    let folder = stage.folder();
    let spawn = ["--json", "spawn", folder.to_str().expect("a path"), "--profile", "usual"];
    let output = stage.tieline(&spawn, kind).await;
    assert!(output.status.success(), "{output:?}");
    stage.wait_presence("work-codex", "idle").await;
    let task = stage.tell("work-codex", "look at the tests").await;
    stage.wait_seen(&task).await;
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_told_of_with_its_last_words() {
    let server = Server(format!("tieline-test-{}", std::process::id()));
    let kind = Kind::Claude;
    let stage = Stage::configured(&[kind], |person, model| config(kind, &server.0, person, model)).await;
    let script = "echo no such model >&2; sleep 0.2; exit 3";
    fs::write(stage.person.path().join("broken.sh"), script).expect("a script");
    let folder = stage.folder();
    let output = stage.tieline(&["spawn", folder.to_str().expect("a path"), "--profile", "broken"], kind).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // tmux does not always know the status by then.
    assert!(said.contains("it was not started: it ended at once"), "{said}");
    assert!(said.contains("; its last words: no such model"), "{said}");
}
