//! Plugins that come, change and go while the daemon runs.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, library},
    eventually,
    http::Request,
    socket::{Frame, Socket},
};

async fn plugins(daemon: &Daemon) -> Vec<Value> {
    let answer = Request::get("/v1/plugins").token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
    answer["ok"]["plugins"]["plugins"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Waits until a file is as wanted; none when it is not on the list.
async fn becomes(daemon: &Daemon, what: &str, file: &str, is_wanted: impl Fn(Option<&Value>) -> bool) {
    eventually(what, async || {
        let all = plugins(daemon).await;
        if is_wanted(all.iter().find(|plugin| plugin["file"] == file)) {
            return Some(());
        }
        // A human may ask 50 times a second.
        tokio::time::sleep(Duration::from_millis(50)).await;
        None
    })
    .await;
}

async fn is(daemon: &Daemon, file: &str, state: &str) {
    becomes(daemon, &format!("`{file}` is {state}"), file, |plugin| plugin.is_some_and(|p| p["state"] == state)).await;
}

/// Connects to a path, or tells the status.
async fn connect(daemon: &Daemon, path: &str) -> Result<Socket, u16> {
    let bearer = format!("Bearer {}", daemon.home.token("agent"));
    Socket::open(&daemon.tcp(), path, &[("Authorization", &bearer)]).await
}

fn fault_plugin() -> (String, Vec<u8>) {
    let path: PathBuf = library("tieline_fault_plugin");
    (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
}

/// A plugin in C that takes so long to start.
fn slow_plugin(home: &Home, start_ms: u32) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (source, target) = (home.path().join("slow.c"), home.path().join("slow"));
    let start = format!("static int32_t slow(void *i) {{ (void)i; return usleep({start_ms} * 1000); }}");
    let code = include_str!("../core/host/tests/support/plugin.c");
    let text = format!("#include <stdint.h>\n#include <unistd.h>\n{start}\n#define START slow\n{code}");
    fs::write(&source, text).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-I"]).arg(root.join("plugins-sdk/include")).arg("-o").args([&target, &source]);
    let output = cc.output().expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(&target).unwrap()
}

#[tokio::test]
async fn a_plugin_that_is_dropped_in_runs_and_one_that_is_removed_is_gone() {
    let mut daemon = Daemon::start();
    assert_eq!(connect(&daemon, "/fault").await.err(), Some(404));
    let (file, content) = fault_plugin();
    daemon.home.put_plugin(&file, &content);
    is(&daemon, &file, "running").await;
    let mut socket = connect(&daemon, "/fault").await.unwrap_or_else(|status| panic!("{status}"));
    socket.send(&json!("heard?")).await;
    assert_eq!(socket.frame().await, Frame::Json(json!("heard?")), "it echoes");

    fs::remove_file(daemon.home.plugins().join(&file)).unwrap();
    assert_eq!(socket.closed().await, Some(1001));
    becomes(&daemon, "it is gone", &file, |plugin| plugin.is_none()).await;
    assert_eq!(connect(&daemon, "/fault").await.err(), Some(404));
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn half_a_file_is_not_run_until_the_rest_of_it_has_come() {
    let mut daemon = Daemon::start();
    let (file, content) = fault_plugin();
    // Trusted as a whole; as a half it is neither run nor asked about.
    daemon.home.put_plugin("whole", &content);
    let place = daemon.home.plugins().join(&file);
    for part in [0, content.len() / 3] {
        fs::write(&place, &content[..part]).unwrap();
        let says = format!("it has {part} bytes");
        becomes(&daemon, "it waits", &file, |plugin| {
            plugin.is_some_and(|p| p["state"] == "waiting" && p["reason"].as_str().unwrap().contains(&says))
        })
        .await;
    }
    fs::write(&place, &content).unwrap();
    is(&daemon, &file, "running").await;
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn a_file_that_nobody_has_trusted_waits_for_a_word() {
    let mut daemon = Daemon::start();
    let (file, content) = fault_plugin();
    let place = daemon.home.plugins().join(&file);
    fs::write(&place, &content).unwrap();
    is(&daemon, &file, "quarantined").await;
    let all = plugins(&daemon).await;
    let plugin = all.iter().find(|plugin| plugin["file"] == file.as_str()).unwrap();
    let reason = plugin["reason"].as_str().unwrap();
    assert!(reason.contains("tieline plugins trust") && reason.contains("BLAKE3 hash is "), "{reason}");
    // Said while the daemon is away, it holds from the next start on.
    assert!(daemon.stop().success());
    daemon.home.trust_plugin(&place);
    daemon.restart();
    is(&daemon, &file, "running").await;
}

#[tokio::test]
async fn while_a_transport_is_replaced_its_path_says_come_again_and_never_that_nobody_is_there() {
    let daemon = Daemon::start();
    daemon.home.put_plugin("libslow.so", &slow_plugin(&daemon.home, 0));
    is(&daemon, "libslow.so", "running").await;
    let mut before = connect(&daemon, "/c").await.unwrap_or_else(|status| panic!("{status}"));
    daemon.home.put_plugin("libslow.so", &slow_plugin(&daemon.home, 700));
    let refused = async {
        loop {
            match connect(&daemon, "/c").await {
                // Before, or between the answer to the upgrade and the end of the old one.
                Ok(_) => {}
                Err(503) => return,
                Err(other) => panic!("{other}"),
            }
        }
    };
    refused.await;
    assert_eq!(before.closed().await, Some(1012));
    let answer = Request::get("/c").token(&daemon.home.token("agent")).send(&daemon.tcp()).await;
    if answer.status == 503 {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.json()["refusal"]["code"], "busy");
    }
    let taken = async {
        loop {
            match connect(&daemon, "/c").await {
                Ok(socket) => return socket,
                Err(status) => assert_eq!(status, 503),
            }
        }
    };
    let mut after = taken.await;
    assert!(after.frame_within(Duration::from_millis(100)).await.is_none(), "it stays open");
}
