//! The example of the walk-through in a real daemon: files become messages and messages become files, each once, also when
//! the daemon is killed in between.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, example},
    eventually,
    http::Request,
    socket::Socket,
};

/// A home with the plugin in it, and its folder.
fn home() -> (Home, PathBuf) {
    home_with("process")
}

fn home_with(isolation: &str) -> (Home, PathBuf) {
    let home = Home::new();
    let folder = home.path().join("drop");
    let quick = "[limits.rates.agent]\nburst = 10000\n[limits.rates.human]\nburst = 100000";
    let settings = format!("[plugins.file-drop.settings]\nfolder = {:?}\npoll_ms = 10", folder.display().to_string());
    let place = format!("[plugins.file-drop]\nisolation = \"{isolation}\"");
    let home = home.config(&format!("{quick}\n{place}\n{settings}\n"));
    home.add_plugin(&example("file_drop"));
    (home, folder)
}

/// Drops a file that is whole when it is there.
fn drop_file(folder: &Path, name: &str, content: &Value) {
    let part = folder.join("inbox").join(format!("{name}.part"));
    fs::write(&part, content.to_string()).unwrap();
    fs::rename(&part, folder.join("inbox").join(name)).unwrap();
}

/// Waits until a folder has so many files that are not hidden, and returns them by name.
async fn files(folder: &Path, count: usize) -> Vec<PathBuf> {
    eventually(&format!("{count} files in {}", folder.display()), async || {
        let mut files: Vec<PathBuf> = visible(folder);
        files.sort();
        (files.len() >= count).then_some(files)
    })
    .await
}

fn visible(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')).collect()
}

async fn say(daemon: &Daemon, who: &str, command: &Value) -> Value {
    Request::command(command).token(&daemon.home.token(who)).send(&daemon.tcp()).await.json()
}

/// Waits until the plugin has opened its folder.
async fn is_open(daemon: &Daemon) {
    eventually("the plugin serves its session", async || {
        let peers = say(daemon, "human", &json!({"peer_list": {"session": "file-drop"}})).await;
        let is_there = peers["ok"]["peers"]["peers"].as_array().is_some_and(|peers| !peers.is_empty());
        if !is_there {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_there.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_file_becomes_a_message_and_an_ask_becomes_a_file_that_is_answered_by_a_file() {
    let (home, folder) = home();
    let daemon = home.start();
    is_open(&daemon).await;
    let (mut peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    drop_file(&folder, "hello.json", &json!({"notify": {"to": "agent", "text": "hello from a file"}}));
    let came = peer.json().await;
    let message = &came["deliver"]["message"];
    assert_eq!((&message["text"], &message["from"]["title"]), (&json!("hello from a file"), &json!("file-drop")));
    assert_eq!(message["from"]["kind"], "plugin");
    files(&folder.join("done"), 1).await;

    let asked = peer.command(1, &json!({"ask": {"to": "file-drop", "text": "What is the answer?"}})).await;
    let ask = asked["ok"]["accepted"]["message"].as_str().unwrap().to_owned();
    let written = files(&folder.join("outbox"), 1).await;
    let written: Value = serde_json::from_slice(&fs::read(&written[0]).unwrap()).unwrap();
    assert_eq!((&written["id"], &written["text"]), (&json!(ask), &json!("What is the answer?")));
    let trace = eventually("the ask is delivered", async || {
        let trace = say(&daemon, "agent", &json!({"trace": {"message": ask}})).await;
        (trace["ok"]["trace"]["deliveries"][0]["delivery"]["state"] == "delivered").then_some(trace)
    });
    trace.await;
    drop_file(&folder, "answer.json", &json!({"ack": {"ask": ask, "text": "42"}}));
    let answer = loop {
        let frame = peer.json().await;
        if frame["deliver"]["message"]["kind"] == "ack" {
            break frame;
        }
    };
    assert_eq!(answer["deliver"]["message"]["text"], "42");
}

#[tokio::test]
async fn what_is_refused_lies_in_failed_with_its_reason() {
    let (home, folder) = home();
    let daemon = home.start();
    is_open(&daemon).await;
    drop_file(&folder, "lost.json", &json!({"notify": {"to": "agnet", "text": "x"}}));
    drop_file(&folder, "odd.json", &json!({"token_create": {"name": "x", "kind": "agent"}}));
    let failed = files(&folder.join("failed"), 4).await;
    let reasons: Vec<String> = failed
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "reason"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(reasons.iter().any(|reason| reason.contains("unknown_session") && reason.contains("agent")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("`token_create`; wanted one of")), "{reasons:?}");
}

#[tokio::test]
async fn what_it_may_do_stands_in_the_configuration_and_counts_after_a_reload() {
    let (home, folder) = home();
    let daemon = home.start();
    is_open(&daemon).await;
    let config = daemon.home.path().join("config/tieline.toml");
    let before = fs::read_to_string(&config).unwrap();
    let hello = json!({"notify": {"to": "agent", "text": "hello"}});
    let reload = || daemon.home.tieline(["plugins", "reload", "file-drop"]).output().unwrap();

    let narrow = "[plugins.file-drop]\nscopes = [\"session:open\", \"inbox:read\"]";
    fs::write(&config, before.replace("[plugins.file-drop]", narrow)).unwrap();
    assert!(reload().status.success());
    is_open(&daemon).await;
    drop_file(&folder, "forbidden.json", &hello);
    let failed = files(&folder.join("failed"), 2).await;
    let reason = failed.iter().find(|path| path.extension().is_some_and(|end| end == "reason")).unwrap();
    assert!(fs::read_to_string(reason).unwrap().contains("`message:send`"));

    fs::write(&config, before).unwrap();
    assert!(reload().status.success());
    is_open(&daemon).await;
    drop_file(&folder, "allowed.json", &hello);
    files(&folder.join("done"), 1).await;
}

#[tokio::test]
async fn a_wrong_setting_is_a_status_that_says_what_was_wanted() {
    let home = Home::new().config("[plugins.file-drop.settings]\nfolder = \"not/whole\"\n");
    home.add_plugin(&example("file_drop"));
    let daemon = home.start();
    let answer =
        Request::get("/v1/plugins/file-drop").token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
    let plugin = &answer["ok"]["plugin"];
    assert_eq!((&plugin["state"], &plugin["step"]), (&json!("failed"), &json!("start")), "{answer}");
    assert!(plugin["reason"].as_str().unwrap().contains("a whole path is wanted"), "{plugin}");
    assert!(plugin["advice"].as_str().unwrap().contains("[plugins.file-drop.settings]"), "{plugin}");
}

/// Takes the files of the outbox away, as a reader does, and notes what they say.
fn take_away(folder: &Path, taken: &mut BTreeMap<String, usize>) {
    for path in visible(&folder.join("outbox")) {
        let message: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        fs::remove_file(path).unwrap();
        *taken.entry(message["text"].as_str().unwrap().to_owned()).or_default() += 1;
    }
}

#[tokio::test]
async fn killed_in_between_each_file_is_one_message_and_each_message_one_file() {
    kill_in_between("process").await;
}

#[tokio::test]
async fn inside_the_daemon_it_is_the_same() {
    kill_in_between("in-process").await;
}

async fn kill_in_between(isolation: &str) {
    const ROUNDS: usize = 5;
    const EACH: usize = 12;
    let (home, folder) = home_with(isolation);
    let mut daemon = home.start();
    let taken = RefCell::new(BTreeMap::new());
    for round in 0..ROUNDS {
        is_open(&daemon).await;
        for n in 0..EACH {
            let text = format!("out {round}-{n}");
            let told = say(&daemon, "agent", &json!({"notify": {"to": "file-drop", "text": text}})).await;
            assert!(told["ok"]["accepted"].is_object(), "{told}");
            let text = format!("in {round}-{n}");
            drop_file(&folder, &format!("{round}-{n}"), &json!({"notify": {"to": "agent", "text": text}}));
        }
        // Some are through, the others are anywhere.
        files(&folder.join("done"), round * EACH + 1 + round * 2).await;
        take_away(&folder, &mut taken.borrow_mut());
        daemon.restart();
    }
    is_open(&daemon).await;
    files(&folder.join("done"), ROUNDS * EACH).await;
    eventually("every message is a file", async || {
        take_away(&folder, &mut taken.borrow_mut());
        (taken.borrow().len() == ROUNDS * EACH).then_some(())
    })
    .await;
    // One that is still on its way a second time would come now.
    let last = say(&daemon, "agent", &json!({"notify": {"to": "file-drop", "text": "the last"}})).await;
    assert!(last["ok"]["accepted"].is_object());
    eventually("the last one is there", async || {
        take_away(&folder, &mut taken.borrow_mut());
        taken.borrow().contains_key("the last").then_some(())
    })
    .await;
    let taken = taken.into_inner();
    assert!(taken.values().all(|count| *count == 1), "{taken:?}");

    let page = say(&daemon, "agent", &json!({"inbox": {"lane": "msg", "after": 0, "limit": 200}})).await;
    let items = page["ok"]["inbox"]["items"].as_array().unwrap();
    let mut texts: Vec<&str> = items.iter().map(|item| item["message"]["text"].as_str().unwrap()).collect();
    texts.sort_unstable();
    let mut wanted: Vec<String> =
        (0..ROUNDS).flat_map(|round| (0..EACH).map(move |n| format!("in {round}-{n}"))).collect();
    wanted.sort_unstable();
    assert_eq!(texts, wanted);
    assert_eq!((visible(&folder.join("failed")).len(), visible(&folder.join("sending")).len()), (0, 0));
}
