//! Mail that comes while a program asks for a permission is held: nothing is typed, and nothing is approved. And should
//! somebody ask for the typing all the same, the screen alone is enough to refuse it.

use std::time::Duration;

use tieline_transport_terminal::{Pane as Place, ProcessId, Tmux, prompt};

use crate::{matrix::holds, program::Kind, stage::Stage};

async fn holds_mail(kind: Kind) {
    let stage = Stage::with(&[kind]).await;
    let title = format!("work-{}", kind.name());
    let pane = stage.open(kind.name(), kind).await;
    let forbidden = stage.folder().join("forbidden");
    let outside = stage.person.path().join("forbidden");
    pane.prompt(&format!(
        "please DO[{{\"run\":\"touch {} {}\",\"asks\":true}},{{\"say\":\"done\"}}]",
        forbidden.display(),
        outside.display()
    ))
    .await;
    pane.wait(kind.dialog()).await;
    let session = stage.wait_presence(&title, "waiting_for_permission").await;

    let held = stage.tell(&title, "p yes 1 y").await;
    // The mesh has nothing to wait for here: that it stays so is the point, while a waker would have been asked at once.
    stage.until("the mail to wait", async || (stage.session(&title).await?["pending"] == 1).then_some(())).await;
    assert!(stage.events(&title, "runtime_woken").await.is_empty(), "nobody is asked to wake it");

    // Typing is refused by what the screen shows, also when nobody knew of the dialog.
    let (socket, number) = pane.place();
    let place = Place { socket, pane: number };
    let process = &session["runtime"]["process"];
    let number = |name: &str| process[name].as_u64().expect("a number");
    let process = ProcessId { pid: u32::try_from(number("pid")).expect("a process"), started: number("started") };
    let tmux = Tmux::new("tmux", &place);
    let refused = prompt(&tmux, process, "[tieline] p yes 1 y", Duration::from_secs(1)).expect_err("a dialog is open");
    assert!(refused.contains("does not show what is typed"), "{refused}");
    assert!(pane.screen().contains(kind.dialog()), "the dialog is still there:\n{}", pane.screen());
    assert!(!forbidden.exists() && !outside.exists(), "it was approved");

    // A person says no; the mail comes with what that person says next.
    pane.press(kind.refusal());
    pane.wait(kind.is_ready()).await;
    pane.prompt("never mind DO[{\"say\":\"as you like\"}]").await;
    stage.wait_seen(&held).await;
    assert!(!forbidden.exists() && !outside.exists(), "it was approved");
    holds(kind, "held during a dialog");
}

#[tokio::test]
async fn nothing_is_typed_into_a_dialog_of_claude_code() {
    holds_mail(Kind::Claude).await;
}

#[tokio::test]
async fn nothing_is_typed_into_a_dialog_of_codex() {
    holds_mail(Kind::Codex).await;
}

#[tokio::test]
async fn nothing_is_typed_into_a_dialog_of_opencode() {
    holds_mail(Kind::Opencode).await;
}

#[tokio::test]
async fn nothing_is_typed_into_a_dialog_of_gemini_cli() {
    holds_mail(Kind::Gemini).await;
}
