//! A disk that does not keep its word: after one failed sync the daemon says nothing more, and what it had said holds.
//!
//! The disk is real; the failure is put in front of it by a small library that the test compiles and preloads.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::process::ExitStatusExt, path::Path, process::Command};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::Home,
    http::{Connection, Request},
};

/// Syncs fail with EIO as long as the file of `FAILING_SYNC` exists.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int fails(void) { const char *path = getenv("FAILING_SYNC"); return path && access(path, F_OK) == 0; }
int fsync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"#;

fn compile(folder: &Path) -> String {
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let output = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").output();
    let output = output.expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library.to_str().unwrap().to_owned()
}

fn notify(token: &str, n: u32) -> Request {
    Request::command(&json!({ "notify": { "to": "agent", "text": format!("message {n}") } })).token(token)
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_accepted_and_what_was_accepted_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let failing = folder.path().join("failing");
    let shim = compile(folder.path());
    let home = Home::new().env("LD_PRELOAD", &shim).env("FAILING_SYNC", failing.to_str().unwrap());
    let mut daemon = home.start();
    let token = daemon.home.token("human");

    let accepted = notify(&token, 1).send(&daemon.unix()).await.json();
    assert!(accepted["ok"]["accepted"]["message"].is_string(), "{accepted}");

    let mut connection = Connection::open(&daemon.unix()).await;
    fs::write(&failing, "").unwrap();
    // The answer must not come: the daemon ends instead of reporting what the disk may not have.
    let request = notify(&token, 2);
    let lost = tokio::spawn(async move { connection.send(&request).await.json() }).await;
    assert!(lost.is_err(), "the daemon answered {lost:?}");
    let ended = daemon.ended();
    assert_eq!(ended.signal(), Some(6), "it aborts: {ended}");
    assert!(daemon.log().contains("the disk did not keep what was written"), "{}", daemon.log());

    fs::remove_file(&failing).unwrap();
    daemon.restart();
    let agent = daemon.home.token("agent");
    let inbox: Value = Request::command(&json!({ "inbox": {} })).token(&agent).send(&daemon.unix()).await.json();
    let texts: Vec<&str> = inbox["ok"]["inbox"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["message"]["text"].as_str())
        .collect();
    // Whether the second reached the disk nobody was told; the first was accepted.
    assert_eq!(texts.first(), Some(&"message 1"), "{inbox}");
    assert!(texts.len() <= 2, "{inbox}");
    assert!(daemon.stop().success());
}
