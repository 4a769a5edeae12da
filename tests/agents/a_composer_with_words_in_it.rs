//! An idle program whose composer is not empty: a line that the mesh itself has left there is taken out and typed anew, and a
//! person's words are left alone.

use crate::{program::Kind, stage::Stage};

async fn is_woken_only_when_the_words_are_ours(kind: Kind) {
    let stage = Stage::with(&[kind]).await;
    let title = format!("work-{}", kind.name());
    let pane = stage.open(kind.name(), kind).await;
    pane.prompt("hello DO[{\"say\":\"here I am\"}]").await;
    // Some programs are idle before they have read the prompt.
    stage.wait_presence(&title, "idle").await;
    stage
        .until("the turn to end", async || {
            let all = stage.events(&title, "activity").await;
            all.iter().any(|it| it["what"]["turn_ended"].is_object()).then_some(())
        })
        .await;
    stage.wait_presence(&title, "idle").await;
    pane.wait(kind.is_ready()).await;

    // A daemon that dies between the line and Enter leaves this.
    let line = format!("[tieline] mail for {title}: it comes with this prompt");
    pane.write(&line).await;
    let woken = stage.tell(&title, "good morning").await;
    stage.wait_seen(&woken).await;
    stage.wait_presence(&title, "idle").await;
    let prompts = stage.events(&title, "activity").await;
    let prompts: Vec<&str> = prompts.iter().filter_map(|it| it["what"]["said"]["text"].as_str()).collect();
    assert!(prompts.contains(&line.as_str()), "it is typed once, and whole: {prompts:?}");

    pane.wait(kind.is_ready()).await;
    pane.write("half a thought").await;
    let held = stage.tell(&title, "by the way").await;
    stage
        .until("the refusal", async || {
            let failed = stage.events(&title, "runtime_woken").await;
            failed.iter().any(|it| it.to_string().contains("somebody is typing")).then_some(())
        })
        .await;
    assert!(pane.screen().contains("half a thought"), "{}", pane.screen());
    assert!(!stage.is_seen(&held).await);

    // They go on, and the mail comes with what they say.
    pane.prompt(" of mine DO[{\"say\":\"well\"}]").await;
    stage.wait_seen(&held).await;
}

#[tokio::test]
async fn claude_code_is_woken_only_when_the_words_are_ours() {
    is_woken_only_when_the_words_are_ours(Kind::Claude).await;
}

#[tokio::test]
async fn codex_is_woken_only_when_the_words_are_ours() {
    is_woken_only_when_the_words_are_ours(Kind::Codex).await;
}

#[tokio::test]
async fn gemini_cli_is_woken_only_when_the_words_are_ours() {
    is_woken_only_when_the_words_are_ours(Kind::Gemini).await;
}
