//! One program at a time: it joins the mesh by being started, is woken when it is idle, and gets its mail between two tools
//! or at the end of its turn. Each message comes before its model once.

use serde_json::json;

use crate::{matrix::holds, pane::Pane, program::Kind, stage::Stage};

/// A prompt that is a script.
fn script(steps: &str) -> String {
    format!("please DO[{steps}]")
}

async fn gets_its_mail(kind: Kind) {
    let stage = Stage::with(&[kind]).await;
    let title = format!("work-{}", kind.name());
    let pane = stage.open(kind.name(), kind).await;
    if !kind.starts_at_once() {
        pane.prompt(&script(r#"{"say":"here I am"}"#)).await;
        let has_ended = async || {
            let done = stage.session(&title).await.is_some()
                && !stage.events(&title, "activity").await.iter().all(|it| it["what"]["turn_ended"].is_null());
            done.then_some(())
        };
        stage.until("its first turn to end", has_ended).await;
    }
    let session = stage.wait_presence(&title, "idle").await;
    holds(kind, "register");
    assert!(!session["runtime"]["native"].as_str().expect("its own id").is_empty());
    holds(kind, "resume id known");

    // Idle: a line is typed, and the mail comes with it.
    let woken = stage.tell(&title, "good morning").await;
    stage.wait_seen(&woken).await;
    stage.wait_presence(&title, "idle").await;
    holds(kind, "wake");
    holds(kind, "seen");

    if kind.listens() {
        let woken = stage.events(&title, "runtime_woken").await;
        let wanted = [json!({"told": {"by": "listener"}}), json!({"began": {"by": "listener"}})];
        assert_eq!(woken, wanted, "nothing is typed");
    }

    // In the middle of a turn: between two tools.
    pane.wait(kind.is_ready()).await;
    pane.prompt(&script(r#"{"run":"sleep 2; echo one"},{"run":"echo two"},{"say":"both done"}"#)).await;
    let has_called = async || {
        let calls = stage.events(&title, "activity").await;
        calls.iter().any(|it| it["what"]["tool_called"].is_object()).then_some(())
    };
    stage.until("the tool to be called", has_called).await;
    let between = stage.tell(&title, "by the way").await;
    nodding(&stage, &pane, kind, "the mail to be seen", async || stage.is_seen(&between).await.then_some(())).await;
    let hooks = stage.handed(&title, &between).await;
    assert!(matches!(hooks.as_slice(), [hook] if hook == "PostToolUse" || hook == "AfterTool"), "{hooks:?}");
    let is_idle = async || (stage.session(&title).await?["runtime"]["presence"] == "idle").then_some(());
    nodding(&stage, &pane, kind, "the turn to end", is_idle).await;
    pane.wait(kind.is_ready()).await;
    holds(kind, "mid-turn");

    // At the end of a turn without a tool: the turn goes on.
    pane.prompt(&script(r#"{"say":"that took a while","after_ms":2500}"#)).await;
    stage.wait_presence(&title, "working").await;
    let last = stage.tell(&title, "one more thing").await;
    stage.wait_seen(&last).await;
    let hooks = stage.handed(&title, &last).await;
    assert!(matches!(hooks.as_slice(), [hook] if hook == "Stop" || hook == "AfterAgent"), "{hooks:?}");
    holds(kind, "at turn end");

    for message in [&woken, &between, &last] {
        assert_eq!(stage.handed(&title, message).await.len(), 1, "each is handed out once");
        let marker = format!("tieline message {message}");
        stage.until("it to come before the model", async || (stage.model.heard(&marker) > 0).then_some(())).await;
    }
}

/// Waits for something, and says yes to whatever the program asks for until then.
async fn nodding(stage: &Stage, pane: &Pane<'_>, kind: Kind, what: &str, look: impl AsyncFn() -> Option<()>) {
    stage
        .until(what, async || {
            if pane.screen().contains(kind.dialog()) {
                pane.press("Enter");
            }
            look().await
        })
        .await;
}

#[tokio::test]
async fn claude_code_gets_its_mail() {
    gets_its_mail(Kind::Claude).await;
}

#[tokio::test]
async fn codex_gets_its_mail() {
    gets_its_mail(Kind::Codex).await;
}

#[tokio::test]
async fn opencode_gets_its_mail() {
    gets_its_mail(Kind::Opencode).await;
}

#[tokio::test]
async fn pi_gets_its_mail() {
    gets_its_mail(Kind::Pi).await;
}

#[tokio::test]
async fn gemini_cli_gets_its_mail() {
    gets_its_mail(Kind::Gemini).await;
}
