//! A person steers the plugins of a real daemon: from the command line, over HTTP, and while no daemon runs. What became of
//! them is on the mesh's own timeline.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home, library},
    eventually,
    http::Request,
};

const FAULT: &str = "tieline_fault_plugin";
const IN_PROCESS: &str = "[plugins.fault]\nisolation = \"in-process\"\n";

/// A home with the fault plugin in its folder, which nobody has trusted.
fn untrusted() -> Home {
    let home = Home::new().config(IN_PROCESS);
    copy_plugin(&home);
    home
}

/// A home with the fault plugin, trusted and running.
fn trusted(settings: &str) -> Home {
    let home = Home::new().config(&format!("{IN_PROCESS}[plugins.fault.settings]\n{settings}\n"));
    home.add_plugin(&library(FAULT));
    home
}

fn copy_plugin(home: &Home) {
    let file = library(FAULT);
    let part = home.path().join("part");
    fs::copy(&file, &part).unwrap();
    fs::rename(part, home.plugins().join(file.file_name().unwrap())).unwrap();
}

fn file() -> String {
    library(FAULT).file_name().unwrap().to_string_lossy().into_owned()
}

fn hash() -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&fs::read(library(FAULT)).unwrap());
    hasher.finalize().to_hex().to_string()
}

fn run(home: &Home, args: &[&str]) -> Output {
    home.tieline(args).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a command, checks its exit code, and returns its JSON.
fn json_of(home: &Home, args: &[&str], code: i32) -> Value {
    let output = run(home, &[&["--json"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", text(&output)))
}

async fn get(daemon: &Daemon, path: &str) -> Value {
    Request::get(path).token(&daemon.home.token("human")).send(&daemon.tcp()).await.json()
}

/// Waits until the plugin is in a state, and returns it.
async fn becomes(daemon: &Daemon, wanted: impl Fn(&Value) -> bool) -> Value {
    let named = format!("/v1/plugins/{}", file());
    eventually("the plugin is as wanted", async || {
        let plugin = get(daemon, &named).await["ok"]["plugin"].clone();
        if !wanted(&plugin) {
            // A human may ask 50 times a second.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return None;
        }
        Some(plugin)
    })
    .await
}

/// What the mesh's own timeline says of the fault plugin: the changes, and the commands with their leading `plugin_` off.
async fn told(daemon: &Daemon) -> Vec<String> {
    let page = get(daemon, "/v1/sessions/mesh%2Fmesh/events?after=0&limit=500").await;
    let events = page["ok"]["timeline"]["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    assert!(events.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "{page}");
    let body = |event: &Value| {
        let (kind, body) = event["body"].as_object().unwrap().iter().next().unwrap();
        (body["file"] == file().as_str()).then(|| match kind.as_str() {
            "plugin_operated" => body["command"].as_str().unwrap().replace("plugin_", ""),
            _ => body["change"].as_str().unwrap().to_owned(),
        })
    };
    events.iter().filter_map(body).collect()
}

#[tokio::test]
async fn a_file_is_trusted_from_the_command_line_and_runs() {
    let daemon = untrusted().start();
    let home = &daemon.home;
    let waiting = becomes(&daemon, |plugin| plugin["state"] == "quarantined").await;
    assert_eq!((&waiting["step"], &waiting["hash"]), (&json!("trust"), &json!(hash())), "{waiting}");
    let listed = text(&run(home, &["plugins"]));
    assert!(listed.contains("at trust: ") && listed.contains("tieline plugins trust tieline-fault-plugin"), "{listed}");

    // Nobody is asked where nobody can answer, and another hash than the one that was meant is not trusted.
    let asked = run(home, &["plugins", "trust", &file()]);
    assert_eq!(asked.status.code(), Some(2), "{}", text(&asked));
    for part in ["--yes", &hash(), "owner  you", &file()] {
        assert!(text(&asked).contains(part), "`{part}` in {}", text(&asked));
    }
    let other = "0".repeat(64);
    let wrong = json_of(home, &["plugins", "trust", &file(), "--hash", &other, "--yes"], 6);
    assert_eq!(wrong["refusal"]["code"], "wrong_hash");
    let over_http = Request::command(&json!({"plugin_trust": {"name": file(), "hash": other}}));
    let over_http = over_http.token(&home.token("human")).send(&daemon.tcp()).await;
    assert_eq!((over_http.status, &over_http.json()["refusal"]["code"]), (409, &json!("wrong_hash")));
    assert!(over_http.text().contains(&hash()), "it says what was found: {}", over_http.text());

    let trusted = json_of(home, &["plugins", "trust", &file(), "--hash", &hash(), "--yes"], 0);
    let plugin = &trusted["ok"]["plugin"];
    assert_eq!(
        (&plugin["state"], &plugin["name"], &plugin["hash"]),
        (&json!("running"), &json!("fault"), &json!(hash()))
    );
    assert_eq!(told(&daemon).await, ["quarantined", "started", "trust"]);
    let seen = text(&run(home, &["events", "--session", "mesh/mesh"]));
    assert!(seen.contains("plugin `fault` was trusted by prn_") && seen.contains(&hash()), "{seen}");
}

/// Runs a command on a terminal of its own, types an answer, and returns its exit code and what it showed there.
fn on_a_terminal(home: &Home, args: &[&str], typed: &str) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let own = || fs::File::options().read(true).write(true).open(&name).unwrap();
    let mut command = home.tieline(args);
    let mut child = command.stdin(own()).stdout(own()).stderr(own()).spawn().unwrap();
    let mut terminal = fs::File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let status = child.wait().unwrap();
    drop(command);
    // What it has shown lies in the terminal; a read of nothing ends in an error.
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
    }
    (status.code(), String::from_utf8_lossy(&shown).into_owned())
}

#[tokio::test]
async fn what_was_copied_this_moment_can_be_trusted_this_moment() {
    let daemon = Home::new().config(IN_PROCESS).start();
    copy_plugin(&daemon.home);
    let trusted = json_of(&daemon.home, &["plugins", "trust", "tieline-fault-plugin", "--yes"], 0);
    assert_eq!(
        (&trusted["ok"]["plugin"]["state"], &trusted["ok"]["plugin"]["name"]),
        (&json!("running"), &json!("fault"))
    );
    let unknown = json_of(&daemon.home, &["plugins", "trust", "nothing", "--yes"], 5);
    assert_eq!(unknown["refusal"]["code"], "unknown_plugin");
}

#[tokio::test]
async fn on_a_terminal_it_asks_and_takes_no_for_an_answer() {
    let daemon = untrusted().start();
    becomes(&daemon, |plugin| plugin["state"] == "quarantined").await;
    let trust = ["plugins", "trust", &file()];
    let (code, shown) = on_a_terminal(&daemon.home, &trust, "no\n");
    assert_eq!(code, Some(1), "{shown}");
    for part in
        ["name   tieline-fault-plugin", &file(), &hash(), "owner  you", "Do you trust it? [y/N]", "is not trusted"]
    {
        assert!(shown.contains(part), "`{part}` in {shown}");
    }
    becomes(&daemon, |plugin| plugin["state"] == "quarantined").await;
    let (code, shown) = on_a_terminal(&daemon.home, &trust, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
}

#[tokio::test]
async fn disabling_lasts_until_it_is_enabled_and_reloading_starts_it_anew() {
    let mut daemon = trusted("").start();
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
    assert_eq!(json_of(&daemon.home, &["plugins", "disable", "fault"], 0)["ok"]["plugin"]["state"], "disabled");
    daemon.restart();
    let off = becomes(&daemon, |plugin| plugin["state"] == "disabled").await;
    assert_eq!(off["advice"], format!("tieline plugins enable {}", off["name"].as_str().unwrap()));
    let name = off["name"].as_str().unwrap();
    assert_eq!(name, "fault");
    assert_eq!(json_of(&daemon.home, &["plugins", "reload", name], 6)["refusal"]["code"], "plugin_state");
    assert_eq!(json_of(&daemon.home, &["plugins", "enable", name], 0)["ok"]["plugin"]["state"], "running");
    let again = json_of(&daemon.home, &["plugin", "reload", "fault"], 0);
    assert_eq!((&again["ok"]["plugin"]["state"], &again["ok"]["plugin"]["reloads"]), (&json!("running"), &json!(1)));
    let unknown = json_of(&daemon.home, &["plugins", "reload", "fautl"], 5);
    assert_eq!(
        (&unknown["refusal"]["code"], &unknown["refusal"]["candidates"][0]),
        (&json!("unknown_plugin"), &json!("fault"))
    );
    let told = told(&daemon).await;
    assert_eq!(told[..3], ["started", "disabled", "disable"]);
    assert_eq!(told[told.len() - 4..], ["started", "enable", "replaced", "reload"]);
}

#[tokio::test]
async fn settings_that_were_mended_count_without_a_new_daemon() {
    let daemon = trusted("start = \"error\"").start();
    let failed = becomes(&daemon, |plugin| plugin["state"] == "failed").await;
    assert_eq!((&failed["name"], &failed["step"]), (&json!("fault"), &json!("start")), "{failed}");
    let config = daemon.home.path().join("config/tieline.toml");
    fs::write(&config, format!("{IN_PROCESS}[plugins.fault.settings]\nstart = \"well\"\n")).unwrap();
    assert_eq!(json_of(&daemon.home, &["plugins", "reload", "fault"], 0)["ok"]["plugin"]["state"], "running");

    fs::write(&config, "[plugins.fault]\nisolaton = \"process\"\n").unwrap();
    let refused = json_of(&daemon.home, &["plugins", "reload", "fault"], 6);
    assert_eq!(refused["refusal"]["code"], "plugin_state", "{refused}");
    assert!(refused["refusal"]["message"].as_str().unwrap().contains("isolaton"), "{refused}");
    // What is wrong there does not touch what runs, nor its end.
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
    json_of(&daemon.home, &["plugins", "disable", "fault"], 0);
    fs::write(&config, "[plugins.fault]\nenabled = false\n").unwrap();
    let off = json_of(&daemon.home, &["plugins", "enable", "fault"], 6);
    assert!(off["refusal"]["message"].as_str().unwrap().contains("plugins.fault.enabled = false"), "{off}");
}

#[tokio::test]
async fn without_a_daemon_it_is_written_down_for_the_next_one() {
    let home = untrusted();
    let asked = run(&home, &["plugins", "trust", "tieline-fault-plugin"]);
    assert_eq!(asked.status.code(), Some(2), "{}", text(&asked));
    let unknown = json_of(&home, &["plugins", "trust", "tieline-fualt-plugin", "--yes"], 5);
    assert_eq!(unknown["refusal"]["candidates"][0], "tieline-fault-plugin");
    let wrong = json_of(&home, &["plugins", "trust", &file(), "--hash", &"0".repeat(64), "--yes"], 6);
    assert!(wrong["refusal"]["message"].as_str().unwrap().contains(&hash()));
    let done = json_of(&home, &["plugins", "trust", &file(), "--yes"], 0);
    assert!(done["recorded"].as_str().unwrap().contains(&hash()), "{done}");
    json_of(&home, &["plugins", "disable", "websocket"], 0);
    // Asking how they are needs the daemon.
    assert_eq!(run(&home, &["plugins"]).status.code(), Some(69));

    let daemon = home.start();
    assert_eq!(becomes(&daemon, |plugin| plugin["state"] == "running").await["name"], "fault");
    let listed = json_of(&daemon.home, &["plugins", "list"], 0);
    let states: Vec<&Value> =
        listed["ok"]["plugins"]["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["state"]).collect();
    assert_eq!(states, ["running", "disabled"], "{listed}");
}

#[tokio::test]
async fn a_newer_file_is_held_back_until_it_is_trusted_and_then_replaces_what_runs() {
    let daemon = trusted("").start();
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
    let mut changed = fs::read(library(FAULT)).unwrap();
    // Bytes after the last section are nobody's.
    changed.extend_from_slice(b"a newer build");
    let part = daemon.home.path().join("part");
    fs::write(&part, &changed).unwrap();
    fs::rename(&part, daemon.home.plugins().join(file())).unwrap();
    let held = becomes(&daemon, |plugin| plugin["pending"].is_object()).await;
    assert_eq!((&held["state"], &held["pending"]["step"]), (&json!("running"), &json!("trust")), "{held}");
    let shown = text(&run(&daemon.home, &["plugins", "info", "fault"]));
    assert!(shown.contains("a newer file is not taken") && shown.contains("it goes on as it was"), "{shown}");
    let newer = blake3::hash(&changed).to_hex().to_string();
    let trusted = json_of(&daemon.home, &["plugins", "trust", "fault", "--hash", &newer, "--yes"], 0);
    assert_eq!(
        (&trusted["ok"]["plugin"]["hash"], &trusted["ok"]["plugin"]["state"]),
        (&json!(newer), &json!("running"))
    );
    fs::remove_file(daemon.home.plugins().join(file())).unwrap();
    eventually("the plugin is gone", async || {
        let answer = get(&daemon, "/v1/plugins/fault").await;
        if answer["refusal"].is_null() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return None;
        }
        Some(())
    })
    .await;
    let last = eventually("its end is told", async || {
        let told = told(&daemon).await;
        (told.last().is_some_and(|last| last == "removed")).then_some(told)
    });
    assert_eq!(last.await, ["started", "held", "replaced", "trust", "removed"]);
}

#[tokio::test]
async fn what_a_plugin_logs_is_shown_and_followed() {
    let daemon = trusted("").start();
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
    let logs = eventually("it has logged", async || {
        let logs = get(&daemon, "/v1/plugins/fault/logs?limit=10").await;
        (logs["ok"]["plugin_logs"]["records"].as_array().is_some_and(|records| !records.is_empty())).then_some(logs)
    })
    .await;
    let first = &logs["ok"]["plugin_logs"]["records"][0];
    assert_eq!((&first["seq"], &first["fields"]["message"]), (&json!(1), &json!("fault has started")), "{logs}");
    let said = text(&run(&daemon.home, &["plugins", "logs", "fault"]));
    assert!(said.contains("the plugin is running  version="), "{said}");
    assert!(text(&run(&daemon.home, &["plugins", "logs", "fault"])).contains("fault has started  started=1"));

    let mut follow = daemon.home.tieline(["--json", "plugins", "logs", "fault", "--follow"]);
    let mut following = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["seq"], 1);
    json_of(&daemon.home, &["plugins", "reload", "fault"], 0);
    let seqs: Vec<Value> = (0..2).map(|_| next()["seq"].clone()).collect();
    assert_eq!(seqs, [json!(2), json!(3)], "each once, in order");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[tokio::test]
async fn deaths_are_told_with_step_and_reason() {
    let daemon = trusted("").start();
    becomes(&daemon, |plugin| plugin["state"] == "running").await;
    let live = Request::get("/v1/events").token(&daemon.home.token("human"));
    let mut live = live.events(&daemon.tcp()).await;
    let token = daemon.home.token("agent");
    let mut socket = tieline_tests::socket::Socket::with_token(&daemon.tcp(), "/fault", &token).await;
    socket.send_text("panic").await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let event = live.next().await.expect("the stream goes on");
        let body = &event.data["body"]["plugin_changed"];
        if event.event == "plugin_changed" && body["change"] != "started" {
            seen.push((body["change"].clone(), body["step"].clone(), body["reason"].clone()));
        }
    }
    assert_eq!((&seen[0].0, &seen[1].0), (&json!("died"), &json!("restarted")), "{seen:?}");
    assert!(seen[0].1.is_string() && seen[0].2.as_str().is_some_and(|why| why.contains("panic")), "{seen:?}");
}
