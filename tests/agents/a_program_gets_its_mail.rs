//! One program at a time: it joins the mesh by being started, is woken when it is idle, and gets its mail between two tools
//! or at the end of its turn. Each message comes before its model once.

use crate::{matrix::holds, program::Kind, stage::Stage};

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

    // In the middle of a turn: between two tools.
    pane.wait(kind.is_ready()).await;
    pane.prompt(&script(r#"{"run":"sleep 2; echo one"},{"run":"echo two"},{"say":"both done"}"#)).await;
    allow(&stage, &pane, kind, &title).await;
    stage.wait_presence(&title, "working").await;
    let between = stage.tell(&title, "by the way").await;
    stage.wait_seen(&between).await;
    let hooks = stage.handed(&title, &between).await;
    assert!(matches!(hooks.as_slice(), [hook] if hook == "PostToolUse" || hook == "AfterTool"), "{hooks:?}");
    finish(&stage, &pane, kind, &title).await;
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
        assert!(stage.model.heard(&format!("tieline message {message}")) > 0, "and came before the model");
    }
}

/// Says yes to what a program asks for, when it does.
async fn allow(stage: &Stage, pane: &crate::pane::Pane<'_>, kind: Kind, title: &str) {
    let asks = |presence: &serde_json::Value| presence == "waiting_for_permission";
    let presence = stage
        .until("the tool to begin", async || {
            let session = stage.session(title).await?;
            let presence = session["runtime"]["presence"].clone();
            let has_called =
                !stage.events(title, "activity").await.iter().all(|it| it["what"]["tool_called"].is_null());
            (asks(&presence) || (has_called && presence == "working")).then_some(presence)
        })
        .await;
    if asks(&presence) {
        pane.wait(kind.dialog()).await;
        pane.press("Enter");
    }
}

/// Says yes to whatever is asked for until the turn is over.
async fn finish(stage: &Stage, pane: &crate::pane::Pane<'_>, kind: Kind, title: &str) {
    stage
        .until("the turn to end", async || {
            let presence = stage.session(title).await?["runtime"]["presence"].clone();
            if presence == "waiting_for_permission" && pane.screen().contains(kind.dialog()) {
                pane.press("Enter");
            }
            (presence == "idle").then_some(())
        })
        .await;
    pane.wait(kind.is_ready()).await;
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
async fn gemini_cli_gets_its_mail() {
    gets_its_mail(Kind::Gemini).await;
}
