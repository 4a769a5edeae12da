//! Transports: the stock one conforms, linked in and as the file that is shipped; and what is no good transport becomes
//! a status to read in a daemon that goes on.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use tieline_plugin_sdk::{abi::PluginDecl, conformance, declaration};
use tieline_tests::{
    daemon::{Daemon, Home, library},
    eventually,
    http::Request,
    socket::{Frame, Socket},
};
use tieline_transport_websocket::WebSocket;

#[test]
fn the_websocket_transport_conforms_when_it_is_linked_in() {
    conformance::check(declaration::<WebSocket>()).assert();
}

#[test]
#[allow(unsafe_code)]
fn the_websocket_transport_conforms_as_the_file_that_is_shipped() {
    let file = library("tieline_transport_websocket");
    // SAFETY: the library is of this build; its initialisers are those of Rust's standard library.
    let opened = unsafe { libloading::Library::new(&file) }.unwrap();
    // Never closed: threads and destructors of it may still exist.
    let opened: &'static libloading::Library = Box::leak(Box::new(opened));
    // SAFETY: a library made with `export_transport!` of this very SDK has a `PluginDecl` under this name.
    let declaration: &'static PluginDecl =
        unsafe { &**opened.get::<*const PluginDecl>(b"TIELINE_TRANSPORT\0").unwrap() };
    assert!(!std::ptr::eq(declaration, tieline_plugin_sdk::declaration::<WebSocket>()), "not the linked one");
    conformance::check(declaration).assert();
}

/// A small plugin in C, changed by macros.
fn compile(home: &Home, name: &str, macros: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = home.path().join(format!("{name}.c"));
    fs::write(&source, format!("{macros}\n{}", include_str!("../core/host/tests/support/plugin.c"))).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-I"]).arg(root.join("plugins-sdk/include")).arg("-o");
    let library = home.path().join(format!("lib{name}.so"));
    let output = cc.arg(&library).arg(&source).output();
    let output = output.expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    home.add_plugin(&library);
}

fn fault_plugin(config: &str) -> Home {
    let home = Home::new().config(&format!(
        "[server]\ndrain_ms = 1000\n\n[plugins.fault]\nisolation = \"in-process\"\n[plugins.fault.settings]\n{config}\n"
    ));
    home.add_plugin(&library("tieline_fault_plugin"));
    home
}

async fn plugins(daemon: &Daemon) -> Vec<Value> {
    let answer = Request::get("/v1/plugins").token(&daemon.home.token("human")).send(&daemon.tcp()).await.json();
    answer["ok"]["plugins"]["plugins"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn plugin(daemon: &Daemon, file: &str) -> Value {
    let all = plugins(daemon).await;
    all.iter().find(|plugin| plugin["file"] == file).unwrap_or_else(|| panic!("no `{file}` in {all:?}")).clone()
}

/// Waits until a plugin is as wanted, and returns it.
async fn becomes(daemon: &Daemon, file: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("`{file}` is as wanted"), async || {
        let found = plugin(daemon, file).await;
        if !is_wanted(&found) {
            // A human may ask 50 times a second.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return None;
        }
        Some(found)
    })
    .await
}

fn assert_readable(plugin: &Value, step: &str, says: &str) {
    let reason = plugin["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(says) && reason.contains(' ') && !reason.contains('\n'), "wanted `{says}` in {plugin}");
    assert_eq!(plugin["step"], step, "{plugin}");
}

/// The daemon answers, and one peer's message reaches another over the stock transport.
async fn goes_on(daemon: &mut Daemon) {
    assert!(daemon.is_running());
    for place in daemon.places() {
        let health = Request::get("/healthz").send(&place).await;
        assert_eq!((health.status, health.text().as_str()), (200, r#"{"status":"ok"}"#));
    }
    let stock = library("tieline_transport_websocket");
    let stock = plugin(daemon, &stock.file_name().unwrap().to_string_lossy()).await;
    assert_eq!((&stock["name"], &stock["state"]), (&json!("websocket"), &json!("running")), "{stock}");

    let (mut agent, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    let (mut human, _) = Socket::attach(&daemon.unix(), &daemon.home.token("human"), json!({})).await;
    let outcome = human.command(1, &json!({"notify": {"to": "agent", "text": "still there?"}})).await;
    let message = &outcome["ok"]["accepted"]["message"];
    assert!(message.is_string(), "{outcome}");
    // Earlier ones without a receipt come again before it.
    while &agent.json().await["deliver"]["message"]["id"] != message {}
}

#[tokio::test]
async fn what_is_no_plugin_becomes_a_status_and_the_rest_runs() {
    let home = Home::new();
    fs::write(home.plugins().join("libnotes.so"), "these are notes\n").unwrap();
    let whole = fs::read(library("tieline_transport_websocket")).unwrap();
    fs::write(home.plugins().join("libcut.so"), &whole[..whole.len() / 2]).unwrap();
    fs::write(home.plugins().join("libempty.so"), "").unwrap();
    compile(&home, "nameless", "#define SYMBOL SOMETHING_ELSE");
    compile(&home, "future", "#define MAJOR 2\n#define MINOR 7");
    compile(&home, "deadly", "__attribute__((constructor)) static void c(void) { *(volatile int *)8 = 1; }");
    compile(&home, "stranger", "");
    let unknown = fs::read(home.plugins().join("libstranger.so")).unwrap();
    fs::write(home.plugins().join("libunknown.so"), [&unknown[..], b"\n"].concat()).unwrap();
    fs::write(home.plugins().join("README.txt"), "not looked at").unwrap();
    let mut daemon = home.start();

    for (file, state, step, says) in [
        ("libnotes.so", "failed", "elf", "not a library"),
        ("libcut.so", "waiting", "elf", "not a complete library yet"),
        ("libempty.so", "waiting", "elf", "0 bytes"),
        ("libnameless.so", "failed", "symbol", "TIELINE_TRANSPORT"),
        ("libfuture.so", "failed", "version", "2.7"),
        ("libdeadly.so", "failed", "probe", "signal 11"),
        ("libunknown.so", "quarantined", "trust", "`tieline plugins trust unknown`"),
    ] {
        let plugin = plugin(&daemon, file).await;
        assert_eq!(plugin["state"], state, "{plugin}");
        assert_readable(&plugin, step, says);
    }
    let stranger = plugin(&daemon, "libstranger.so").await;
    assert_eq!((&stranger["state"], &stranger["isolation"]), (&json!("running"), &json!("process")), "{stranger}");
    assert_eq!(plugins(&daemon).await.len(), 9);
    goes_on(&mut daemon).await;
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn a_plugin_that_panics_in_its_start_is_left_alone_in_the_end() {
    let mut daemon = fault_plugin(r#"start = "panic""#).start();
    let fault = becomes(&daemon, &fault_file(), |plugin| plugin["state"] != "starting").await;
    assert!(["restarting", "quarantined"].contains(&fault["state"].as_str().unwrap()), "{fault}");
    assert_readable(&fault, "start", "the configuration asks for a panic in start");
    goes_on(&mut daemon).await;
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn a_plugin_that_panics_in_deliver_loses_its_sockets_and_starts_again() {
    let mut daemon = fault_plugin(r#"deliver = "panic""#).start();
    assert_eq!(plugin(&daemon, &fault_file()).await["state"], "running");
    // Its command is answered with an outcome, and the outcome is a delivery to it.
    let mut socket = Socket::with_token(&daemon.tcp(), "/fault", &daemon.home.token("agent")).await;
    assert_eq!(socket.closed().await, Some(1012));
    let fault = becomes(&daemon, &fault_file(), |plugin| plugin["state"] == "restarting").await;
    assert_readable(&fault, "deliver", "the configuration asks for a panic in deliver");
    goes_on(&mut daemon).await;
    becomes(&daemon, &fault_file(), |plugin| plugin["state"] == "running").await;
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn a_dead_plugin_that_hangs_in_its_stop_is_left_behind() {
    let mut daemon = fault_plugin("deliver = \"panic\"\nstop = \"hang\"").start();
    let mut socket = Socket::with_token(&daemon.tcp(), "/fault", &daemon.home.token("agent")).await;
    assert_eq!(socket.closed().await, Some(1012));
    goes_on(&mut daemon).await;
    let fault = becomes(&daemon, &fault_file(), |plugin| plugin["state"] == "quarantined").await;
    assert_readable(&fault, "stop", "did not return");
    let refused = Socket::open(&daemon.tcp(), "/fault", &[("Authorization", &bearer(&daemon, "agent"))]).await;
    assert_eq!(refused.err(), Some(404), "nobody is behind that path any more");
    goes_on(&mut daemon).await;
    assert!(daemon.stop().success());
}

#[tokio::test]
async fn a_hang_in_stop_does_not_hold_up_the_daemons_end() {
    let mut daemon = fault_plugin(r#"stop = "hang""#).start();
    assert_eq!(plugin(&daemon, &fault_file()).await["state"], "running");
    let (mut peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    assert!(daemon.stop().success());
    let log = daemon.log();
    assert!(log.lines().any(|line| line.contains("fault") && line.contains("stop")), "{log}");
    // The other peers were told all the same.
    let bye = peer.frame().await;
    let Frame::Json(bye) = bye else { panic!("{bye:?}") };
    assert!([1001, 1012].contains(&bye["bye"]["code"].as_u64().unwrap_or_default()), "{bye}");
    // What was left behind is not held against it.
    daemon.restart();
    assert_eq!(plugin(&daemon, &fault_file()).await["state"], "running");
    goes_on(&mut daemon).await;
}

fn fault_file() -> String {
    let path: PathBuf = library("tieline_fault_plugin");
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn bearer(daemon: &Daemon, who: &str) -> String {
    format!("Bearer {}", daemon.home.token(who))
}
