//! Two programs of two makers: Claude Code asks, Codex is woken and answers, and the answer is in Claude Code's own record.
//! The daemon is killed in between, and each message comes before its model once all the same.

use std::{fs, path::Path};

use serde_json::json;

use crate::{program::Kind, stage::Stage};

#[tokio::test]
async fn claude_code_asks_codex_and_sees_its_answer() {
    let mut stage = Stage::with(&[Kind::Claude, Kind::Codex]).await;
    let codex = stage.open("codex", Kind::Codex).await;
    codex.prompt("hello DO[{\"say\":\"here I am\"}]").await;
    stage.wait_presence("work-codex", "idle").await;
    let claude = stage.open("claude", Kind::Claude).await;
    stage.wait_presence("work-claude", "idle").await;

    // It is at work while the daemon is killed, so that nobody is typing into it at that moment.
    codex.prompt("think DO[{\"say\":\"thought\",\"after_ms\":9000}]").await;
    stage.wait_presence("work-codex", "working").await;

    let answer = json!([{"tool": "ack", "with": {"ask": "$MESSAGE", "text": "it is green"}}, {"say": "answered"}]);
    let question = format!("is it green? DO{answer}");
    let steps = json!([{"tool": "ask", "with": {"to": "work-codex", "text": question}}, {"say": "asked"}]);
    claude.prompt(&format!("DO{steps}")).await;
    // The tool of the mesh is asked for once.
    stage
        .until("the ask", async || {
            if claude.screen().contains(Kind::Claude.dialog()) {
                claude.press("Enter");
            }
            (!stage.events("work-claude", "ask_opened").await.is_empty()).then_some(())
        })
        .await;
    let ask = stage.events("work-claude", "ask_opened").await[0]["ask"].as_str().expect("an id").to_owned();

    stage.restart();
    let trace = stage
        .until("the answer", async || {
            let trace = stage.say("human", &json!({"trace": {"message": ask}})).await["trace"].clone();
            (trace["ask"]["state"] == "answered").then_some(trace)
        })
        .await;
    let answer = trace["ask"]["answer"].as_str().expect("an id").to_owned();
    stage.wait_seen(&answer).await;

    let records = stage.person.path().join(".claude/projects");
    let marker = format!("[tieline message {answer}]");
    assert!(is_recorded(&records, &marker), "the answer is in Claude Code's own record");
    assert_eq!(stage.handed("work-codex", &ask).await.len(), 1, "the question came once");
    assert_eq!(stage.handed("work-claude", &answer).await.len(), 1, "the answer came once");
}

/// Tells whether a record shows words in the conversation, and not only in what a hook printed.
fn is_recorded(folder: &Path, words: &str) -> bool {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_recorded(&path, words);
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        text.lines().any(|line| line.contains(words) && !line.contains("\"hook_success\""))
    })
}
