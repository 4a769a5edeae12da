//! Secrets that are said, asked, answered, broadcast, recorded and searched for are in no file of the daemon, and in no export.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tieline_tests::daemon::{Daemon, Home};

use crate::says;

/// Secrets of known forms. None of them is anybody's.
const CANARIES: [&str; 7] = [
    "ghp_c4naryc4naryc4naryc4naryc4naryc4nary1",
    "sk-ant-api03-c4naryC4NARYc4naryC4NARYc4nary2",
    "AKIAC4NARYC4NARYC4N3",
    "xoxb-2048-c4naryc4naryc4naryc4nary4",
    "eyJhbGciOiJIUzI1NiJ9.eyJjNG5hcnkiOjV9.c4naryc4naryc4naryc4naryc4nary5",
    "-----BEGIN PRIVATE KEY-----\nc4nary6c4nary6c4nary6\n-----END PRIVATE KEY-----",
    "Q7c4nary8Zk2mVx91Lw",
];
/// In the daemon's own environment.
const KNOWN: &str = "c4nary-of-the-environment-9";

fn grep(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            grep(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            for canary in CANARIES.iter().chain(&[KNOWN]) {
                // The middle of a secret is as bad as the whole.
                let part = &canary.as_bytes()[canary.len() / 4..canary.len() * 3 / 4];
                if bytes.windows(part.len()).any(|window| window == part) {
                    found.push(format!("{} has {canary}", path.display()));
                }
            }
        }
    }
}

/// Says it in a job and what comes of that, and in what an agent works by and what is to be changed there.
async fn works(daemon: &Daemon, text: &str) {
    // A title is one short line without slashes.
    let title = if text.len() > 120 || text.contains(['\n', '/']) { "work" } else { text };
    let ok = async |who: &str, command: Value| {
        let answer = says(daemon, who, command).await;
        assert!(answer.get("ok").is_some(), "{answer}");
        answer["ok"].clone()
    };
    let job = ok("agent", json!({"job_create": {"title": title, "input": text, "session": "agent"}})).await;
    let (job, json) = (&job["job"]["job"], json!({"found": [text]}));
    ok("agent", json!({"job_take": {"job": job}})).await;
    ok("agent", json!({"job_finish": {"job": job, "lease": 1, "error": text, "give_up": true}})).await;
    ok("agent", json!({"job_retry": {"job": job}})).await;
    ok("agent", json!({"job_take": {"job": job}})).await;
    ok("agent", json!({"job_finish": {"job": job, "lease": 2, "result": text, "json": json}})).await;
    let files = json!([{"path": "CLAUDE.md", "text": text}]);
    ok("agent", json!({"memory_snapshot": {"origin": "start", "files": files}})).await;
    let text = format!("{text}\nand again {text}");
    let proposed = ok("agent", json!({"memory_propose": {"path": "CLAUDE.md", "text": text, "reason": text}})).await;
    let decide = json!({"proposal": proposed["memory_proposal"]["proposal"], "allow": true, "reason": text});
    ok("human", json!({"memory_decide": decide})).await;
}

#[actix_rt::test]
async fn no_secret_that_was_said_is_stored() {
    let mut daemon = Home::new()
        .env("DEPLOY_TOKEN", KNOWN)
        .env("TIELINE_LIMITS__RATES__AGENT__BURST", "10000")
        .config("[redaction]\nprefixes = [\"acme_\"]\n")
        .start();
    let mut asks: Vec<Value> = Vec::new();
    for (n, canary) in CANARIES.iter().enumerate() {
        let text = if n == 6 {
            format!("the db_password = \"{canary}\" is new")
        } else {
            format!("take {canary} and {KNOWN}, {n}")
        };
        let notify = says(&daemon, "agent", json!({"notify": {"to": "human", "text": text}})).await;
        let ask = says(&daemon, "agent", json!({"ask": {"to": "human", "text": format!("{text}?")}})).await;
        asks.push(ask["ok"]["accepted"]["message"].clone());
        let activities = json!([
            {"what": {"saying": {"role": "assistant", "text": text}}},
            {"what": {"said": {"role": "user", "text": text}}},
            {"what": {"tool_called": {"call": "c", "tool": "Bash", "input": json!({"command": text}).to_string()}}},
            {"what": {"tool_ended": {"call": "c", "is_ok": true, "output": text}}},
            {"what": {"approval_asked": {"approval": "a", "subject": text}}},
            {"what": {"compacted": {"summary": text}}},
            {"what": {"saying": {"role": "assistant", "text": text}}},
        ]);
        let record = says(&daemon, "agent", json!({"record": {"activities": activities}})).await;
        for answer in [notify, record] {
            assert!(answer.get("ok").is_some(), "{answer}");
        }
        says(&daemon, "human", json!({"broadcast": {"text": text}})).await;
        works(&daemon, &text).await;
    }
    for (ask, canary) in asks.iter().zip(CANARIES) {
        says(&daemon, "human", json!({"ack": {"ask": ask, "text": format!("password: {canary}")}})).await;
    }
    let inbox = says(&daemon, "human", json!({"inbox": {"lane": "msg", "limit": 1}})).await;
    let text = inbox["ok"]["inbox"]["items"][0]["message"]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("take ⟦secret:github:") && text.contains("and ⟦secret:known:"), "{text}");
    let export = daemon.home.tieline(["timeline", "agent", "human", "--all", "--json"]).output().unwrap();
    let export = String::from_utf8(export.stdout).unwrap();
    assert!(export.contains("⟦secret:") && !export.contains("c4nary"), "an export shows none");
    let search = says(&daemon, "human", json!({"search": {"query": "c4nary"}})).await;
    assert!(!search.to_string().contains("C4NARY"), "{search}");
    daemon.stop();
    let mut found = Vec::new();
    grep(daemon.home.path(), &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert!(!daemon.log().contains("c4nary"), "the log");
}
