//! What `tieline plugin new` writes: it builds, passes the conformance kit, and is loaded by a running daemon on copy.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, build_dir},
    eventually,
    http::Request,
    socket::Socket,
};

const NAME: &str = "my-transport";

/// Runs cargo in a folder, without a network and with the versions of this workspace.
fn cargo(folder: &Path, args: &[&str]) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What was compiled for it before is compiled only once.
    command.args(args).current_dir(folder).env("CARGO_TARGET_DIR", build_dir().join("template"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?}:\n{said}");
}

/// Writes the crate, as a person does.
fn written(daemon: &Daemon) -> PathBuf {
    let mut new = daemon.home.tieline(["plugin", "new", NAME, "--json"]);
    let output = new.current_dir(daemon.home.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = PathBuf::from(said["written"].as_str().unwrap());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

async fn state(daemon: &Daemon, wanted: &str) -> Value {
    eventually(&format!("`{NAME}` is {wanted}"), async || {
        let path = format!("/v1/plugins/{NAME}");
        let answer = Request::get(&path).token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
        let plugin = answer["ok"]["plugin"].clone();
        if plugin["state"] != wanted {
            // A human may ask 50 times a second.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            return None;
        }
        Some(plugin)
    })
    .await
}

#[tokio::test]
async fn what_is_written_builds_conforms_and_carries_a_message_in_a_running_daemon() {
    let daemon = Daemon::start();
    let folder = written(&daemon);
    cargo(&folder, &["test", "--offline"]);
    cargo(&folder, &["build", "--offline"]);
    cargo(&folder, &["fmt", "--check"]);
    let library = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", NAME.replace('-', "_"));
    fs::copy(build_dir().join("template/debug").join(&library), daemon.home.plugins().join(&library)).unwrap();

    let waiting = state(&daemon, "quarantined").await;
    assert_eq!((&waiting["step"], waiting["hash"].is_string()), (&json!("trust"), true), "{waiting}");
    let trusted = daemon.home.tieline(["plugins", "trust", NAME, "--yes", "--json"]).output().unwrap();
    assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stdout));
    state(&daemon, "running").await;

    let token = daemon.home.token("agent");
    let mut socket = Socket::with_token(&daemon.tcp(), &format!("/{NAME}"), &token).await;
    socket.send(&json!({"command": {"peer_attach": {}}})).await;
    assert_eq!(socket.json().await["outcome"]["ok"]["attached"]["title"], "agent");
    socket.send(&json!({"command": {"notify": {"to": "human", "text": "from my transport"}}})).await;
    assert!(socket.json().await["outcome"]["ok"]["accepted"]["message"].is_string());
    let inbox = daemon.home.tieline(["inbox", "--json"]).output().unwrap();
    let inbox: Value = serde_json::from_slice(&inbox.stdout).unwrap();
    assert_eq!(inbox["ok"]["inbox"]["items"][0]["message"]["text"], "from my transport");
    assert!(daemon.home.tieline(["notify", "agent", "and back"]).output().unwrap().status.success());
    let came = loop {
        let frame = socket.json().await;
        if frame.get("delivery").is_some() {
            break frame;
        }
    };
    assert_eq!(came["delivery"]["message"]["text"], "and back");
    // What is no JSON does not reach the daemon, which goes on.
    socket.send_text("nonsense").await;
    assert_eq!(socket.closed().await, Some(1007));
    state(&daemon, "running").await;
}

#[test]
fn a_name_that_cannot_be_one_and_a_folder_that_is_there_are_refused() {
    let home = tieline_tests::daemon::Home::bare();
    let new = |name: &str| home.tieline(["plugin", "new", name]).current_dir(home.path()).output().unwrap();
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let wrong = new("My Transport");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("lower-case letters"), "{}", said(&wrong));
    fs::create_dir(home.path().join("there")).unwrap();
    let there = new("there");
    assert_eq!(there.status.code(), Some(2));
    assert!(said(&there).contains("is there already"), "{}", said(&there));
    assert_eq!(fs::read_dir(home.path().join("there")).unwrap().count(), 0);
}
