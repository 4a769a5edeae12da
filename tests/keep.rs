//! What is kept of sessions, with the real daemon: written down and taken in, removed, and missed by who comes too late.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tieline_tests::{daemon::Daemon, http::Request, socket::Socket};

async fn say(daemon: &Daemon, who: &str, command: Value) -> Value {
    let request = Request::command(&command).token(&daemon.home.token(who));
    let answer = request.send(&daemon.tcp()).await.json();
    assert!(answer.get("ok").is_some(), "{command}: {answer}");
    answer["ok"].clone()
}

async fn record(daemon: &Daemon, session: &str, texts: impl IntoIterator<Item = String>) {
    let texts: Vec<String> = texts.into_iter().collect();
    for some in texts.chunks(400) {
        let activities: Vec<Value> =
            some.iter().map(|text| json!({"what": {"said": {"role": "assistant", "text": text}}})).collect();
        say(daemon, "human", json!({"record": {"session": session, "activities": activities}})).await;
    }
}

fn run(daemon: &Daemon, args: &[&str]) -> Output {
    daemon.home.tieline(args).output().unwrap()
}

fn fine(daemon: &Daemon, args: &[&str]) -> String {
    let output = run(daemon, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(daemon: &Daemon, args: &[&str], code: i32, says: &str) {
    let output = run(daemon, args);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code() == Some(code) && text.contains(says), "{args:?}: {:?} {text}", output.status.code());
}

/// What the lines of an export say, without when and where it was written.
fn words(export: &str) -> Vec<Value> {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line["event"]["body"]["activity"].get("what").cloned()).collect()
}

#[tokio::test]
async fn a_session_is_written_down_and_taken_in_elsewhere() {
    let here = Daemon::start();
    say(&here, "human", json!({"session_open": {"title": "work"}})).await;
    record(&here, "work", (0..1_000).map(|n| format!("step {n} ```` <b>"))).await;
    for n in 0..8 {
        record(&here, "work", [format!("large {n} {}", "\u{1} ".repeat(60_000))]).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("work.jsonl");
    let path = file.to_str().unwrap();
    fine(&here, &["export", "work", "-o", path]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    refused(&here, &["export", "work", "-o", path], 2, "failed to make");
    refused(&here, &["export", "nobody"], 5, "nobody");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(words(&text).len(), 1_008);
    assert_eq!(words(&fine(&here, &["export", "work"])), words(&text));

    let page = Request::get("/v1/sessions/work/export?format=markdown").token(&here.home.token("human"));
    let page = page.send(&here.tcp()).await;
    assert_eq!(page.header("content-type"), Some("text/markdown; charset=utf-8"));
    let timeless = |page: &str| -> Vec<String> {
        page.lines().filter(|line| !line.starts_with("| exported")).map(str::to_owned).collect()
    };
    assert_eq!(timeless(&page.text()), timeless(&fine(&here, &["export", "work", "--format", "markdown"])));

    let there = Daemon::start();
    let taken: Value = serde_json::from_str(&fine(&there, &["--json", "import", "jsonl", path])).unwrap();
    let session = taken["ok"]["imported"]["session"].as_str().unwrap().to_owned();
    assert_eq!(taken["ok"]["imported"]["is_new"], true);
    let again = fine(&there, &["import", "jsonl", path]);
    assert!(again.contains(&session) && again.contains("already"), "{again}");
    assert_eq!(words(&fine(&there, &["export", &session])), words(&text));
    let copy = fine(&there, &["import", "jsonl", path, "--again", "--title", "a copy"]);
    assert!(!copy.contains(&session), "{copy}");

    // Whatever is wrong with a file is said with its line, before anything is taken in.
    let count = || fine(&there, &["--json", "sessions", "list", "--limit", "500"]).matches("\"id\":\"ses_").count();
    let before = count();
    let lines: Vec<&str> = text.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    let bent = text.replacen("step 3 ", "step 3 \" ", 1);
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    for (wrong, says) in
        [(cut, "the end is missing"), (bent, "line "), (newer, "format 2"), ("hello\n".to_owned(), "line 1")]
    {
        fs::write(&file, wrong.replace("\"log_id\":\"", "\"log_id\":\"0")).unwrap();
        refused(&there, &["import", "jsonl", path], 2, says);
        refused(&there, &["import", "jsonl", path], 2, "nothing was taken in");
    }
    assert_eq!(count(), before);
}

#[tokio::test]
async fn a_person_purges_and_who_comes_later_is_told_of_the_gap() {
    let daemon = Daemon::start();
    let human = daemon.home.token("human");
    for title in ["work", "play"] {
        say(&daemon, "human", json!({"session_open": {"title": title}})).await;
    }
    record(&daemon, "work", (0..50).map(|n| format!("secret affair {n}"))).await;
    record(&daemon, "play", ["a game".to_owned()]).await;
    let agent = daemon.home.token_file("agent").display().to_string();
    refused(&daemon, &["purge", "work", "--through", "40"], 2, "--yes");
    refused(&daemon, &["--token-file", &agent, "purge", "work", "--through", "40", "--yes"], 4, "forbidden");
    refused(&daemon, &["purge", "work", "--all", "--yes"], 6, "still_needed");
    let told = fine(&daemon, &["purge", "work", "--through", "40", "--yes"]);
    assert!(told.contains("removed 40 events, through number 40"), "{told}");
    let shown = fine(&daemon, &["timeline", "work"]);
    assert!(!shown.contains("affair 20") && shown.contains("affair 45") && shown.contains("purged by"), "{shown}");

    // From a cursor whose event is gone: the gap first, then what is there. Of two sessions that are merged here, one has it.
    let path = "/v1/events?session=work&session=play&after=0";
    let mut stream = Request::get(path).token(&human).events(&daemon.tcp()).await;
    let gap = stream.next().await.unwrap();
    assert_eq!((gap.event.as_str(), gap.id), ("gap", 0));
    assert_eq!(gap.data["gap"]["first_seq"], 41, "{gap:?}");
    let mut socket = Socket::with_token(&daemon.tcp(), "/v1/live?session=work&session=play&after=0", &human).await;
    assert_eq!(socket.json().await, gap.data);
    let mut following = daemon
        .home
        .tieline(["--json", "events", "--follow", "--session", "work", "--session", "play", "--after", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line = || serde_json::from_str::<Value>(&lines.next().unwrap()).unwrap();
    assert_eq!(line(), gap.data);
    let mut seen = Vec::new();
    loop {
        let event = stream.next().await.unwrap();
        assert_eq!(event.data, socket.json().await);
        assert_eq!(event.data, line());
        assert!(event.id > 0);
        seen.push(event.data.clone());
        if event.event == "purged" {
            break;
        }
    }
    let text = Value::from(seen.clone()).to_string();
    assert!(text.contains("a game") && !text.contains("affair 20"), "{text}");
    following.kill().unwrap();
    following.wait().unwrap();

    // Who had seen what is gone now has missed nothing.
    let through = gap.data["gap"]["through_cursor"].as_i64().unwrap();
    let mut later = Request::get(&format!("/v1/events?after={through}")).token(&human).events(&daemon.tcp()).await;
    let first = later.next().await.unwrap();
    assert!(first.id > through && first.event != "gap", "{first:?}");

    // While somebody listens, a purge comes as what it is.
    let listening = Request::get("/v1/events?session=work").token(&human);
    let mut listening = listening.events(&daemon.tcp()).await;
    fine(&daemon, &["purge", "work", "--before", "2090-01-01", "--yes"]);
    let next = listening.next().await.unwrap();
    assert_eq!(next.event, "purged", "{next:?}");
}
