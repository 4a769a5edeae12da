//! Transcripts are taken in through the door, once, whatever becomes of the file, of who reads it, or of the daemon.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tieline_tests::{corpus, daemon::Daemon, eventually};

fn import(daemon: &Daemon, vendor: &str, place: &Path) -> Value {
    let output = daemon.home.tieline(["import", vendor, place.to_str().unwrap(), "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn asked(daemon: &Daemon, words: &[&str]) -> Value {
    let output = daemon.home.tieline(words.iter().chain(&["--json"])).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The timelines of all sessions that were taken in: the kinds of their activities, by title.
fn timelines(daemon: &Daemon) -> BTreeMap<String, Vec<Value>> {
    let sessions = asked(daemon, &["sessions", "list", "--limit", "500"]);
    let mut found = BTreeMap::new();
    for view in sessions["ok"]["sessions"]["sessions"].as_array().unwrap() {
        if view["project"] != "/work/project" {
            continue;
        }
        let id = view["id"].as_str().unwrap();
        let output = daemon.home.tieline(["timeline", id, "--all", "--json"]).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].clone());
        found.insert(id.to_owned(), events.filter(|body| body.get("activity").is_some()).collect());
    }
    found
}

fn count(timelines: &BTreeMap<String, Vec<Value>>, kind: &str, of: impl Fn(&Value) -> bool) -> u64 {
    let all = timelines.values().flatten().filter_map(|body| body["activity"]["what"].get(kind));
    all.filter(|what| of(what)).count() as u64
}

#[test]
fn every_line_of_a_corpus_is_accounted_for_and_taken_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let (files, claude) = corpus::claude(&folder.path().join("claude"), 1, 1_500_000).unwrap();
    let (_, codex) = corpus::codex(&folder.path().join("codex"), 2, 1_500_000).unwrap();
    let daemon = Daemon::start();
    let mut sums = [0; 4];
    for (vendor, contents) in [("claude", claude), ("codex", codex)] {
        let told = import(&daemon, vendor, &folder.path().join(vendor));
        assert_eq!(told["lines"], contents.lines, "{told}");
        assert_eq!(told["bad_lines"], contents.bad, "{told}");
        assert_eq!(told["unknown_records"]["telepathy"].as_u64().unwrap_or_default(), contents.unknown, "{told}");
        for (sum, part) in sums.iter_mut().zip([contents.prompts, contents.calls, contents.bad, contents.unknown]) {
            *sum += part;
        }
    }
    let first = timelines(&daemon);
    assert_eq!(count(&first, "said", |said| said["role"] == "user"), sums[0]);
    assert_eq!(count(&first, "turn_started", |_| true), sums[0]);
    assert_eq!(count(&first, "tool_called", |_| true), sums[1]);
    assert_eq!(count(&first, "tool_ended", |_| true), sums[1]);

    let again = import(&daemon, "claude", &folder.path().join("claude"));
    assert!(again["activities"].as_u64().unwrap() < 20_000, "{again}");
    assert!(timelines(&daemon) == first, "a second import changes nothing");

    // One file grows, one is written anew with a line less: what is known is not told again.
    let prompt =
        r#"{"type":"user","uuid":"new","sessionId":"x","cwd":"/work/project","message":{"content":"one more thing"}}"#;
    writeln!(fs::OpenOptions::new().append(true).open(&files[0]).unwrap(), "{prompt}").unwrap();
    let cut =
        fs::read_to_string(&files[1]).unwrap().lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(&files[1], cut).unwrap();
    import(&daemon, "claude", &folder.path().join("claude"));
    let grown = timelines(&daemon);
    let more = |kind: &str| count(&grown, kind, |_| true) - count(&first, kind, |_| true);
    assert_eq!((more("said"), more("turn_started"), more("tool_called")), (1, 1, 0));
}

#[test]
fn transcripts_of_the_real_programs_tell_what_they_did() {
    let daemon = Daemon::start();
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    for (vendor, file) in [("claude", "claude-2.1.330.jsonl"), ("codex", "codex-0.169.0.jsonl")] {
        let told = import(&daemon, vendor, &place.join(file));
        assert_eq!((told["bad_lines"].as_u64(), told.get("unknown_records")), (Some(0), None), "{told}");
    }
    let all = timelines(&daemon);
    assert_eq!(all.len(), 2);
    for timeline in all.values() {
        let kinds: Vec<&str> = timeline
            .iter()
            .map(|body| body["activity"]["what"].as_object().unwrap().keys().next().unwrap().as_str())
            .filter(|kind| *kind != "spent" && *kind != "switched")
            .collect();
        let wanted =
            ["turn_started", "said", "tool_called", "tool_ended", "tool_called", "tool_ended", "said", "turn_ended"];
        assert_eq!(kinds, wanted);
    }
    let is_ok = |ok: bool| count(&all, "tool_ended", |ended| ended["is_ok"] == ok);
    assert_eq!((is_ok(true), is_ok(false)), (2, 2));
    assert_eq!(count(&all, "said", |said| said["text"] == "There is one file, a.txt."), 2);
}

#[tokio::test]
async fn a_file_that_grows_is_followed_also_past_the_death_of_the_daemon() {
    let (mut daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("x.jsonl");
    let say = |text: &str| {
        let line = json!({"type": "user", "uuid": text, "sessionId": "x", "cwd": "/work/project", "message": {"content": text}});
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&file).unwrap();
        writeln!(file, "{line}").unwrap();
    };
    let said = |daemon: &Daemon, text: &str| count(&timelines(daemon), "said", |said| said["text"] == text);
    say("one");
    let place = folder.path().to_str().unwrap();
    let mut follow = daemon.home.tieline(["import", "claude", place, "--follow", "--json"]);
    let mut following = follow.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the first line is there", || async { (said(&daemon, "one") == 1).then_some(()) }).await;
    daemon.kill();
    say("two");
    daemon.restart();
    say("three");
    let is_whole = || async { (said(&daemon, "two") + said(&daemon, "three") == 2).then_some(()) };
    eventually("what came meanwhile and after is there", is_whole).await;
    assert_eq!(said(&daemon, "one"), 1, "nothing is told twice");

    kill_process(Pid::from_child(&following), Signal::INT).unwrap();
    assert!(following.wait().unwrap().success(), "it ends when it is asked to");
}

#[test]
fn what_hooks_tell_of_is_not_told_again_by_its_transcript() {
    let (daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    let native = "672da2b4-0591-4ee1-978d-89c50dcaf554";
    let file = folder.path().join(format!("{native}.jsonl"));
    fs::copy(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("transcripts/claude-2.1.330.jsonl"), &file).unwrap();
    let started =
        json!({"session_id": native, "cwd": "/work/project", "hook_event_name": "SessionStart", "source": "startup"});
    let mut hook = daemon.home.tieline(["hook", "--agent", "claude", "SessionStart", "--strict"]);
    let mut running = hook.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(started.to_string().as_bytes()).unwrap();
    assert!(running.wait().unwrap().success());

    let told = import(&daemon, "claude", folder.path());
    assert_eq!((&told["told_by_hooks"], &told["sessions"], &told["activities"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(timelines(&daemon).len(), 1, "there is the session of the hooks alone");
}

#[test]
fn what_is_wrong_with_a_place_is_said() {
    let daemon = Daemon::start();
    let output = daemon.home.tieline(["import", "codex", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("/nowhere/at/all: No such file or directory"), "{words}");
}
