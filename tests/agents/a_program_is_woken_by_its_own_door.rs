//! An idle program that no terminal reaches begins a turn through a door of its own, and nothing that comes that way while it
//! asks for a permission approves anything.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use tieline_transport_doors::{ProcessId, Sent, Shut, Wake, open, tell};

use crate::{matrix::holds, program::Kind, stage::Stage};

const TRANSPORTS: [&str; 2] = ["tieline_transport_native", "tieline_transport_terminal"];

/// Which transports were asked, and by which the turn began.
async fn woken(stage: &Stage, title: &str) -> Vec<String> {
    let events = stage.events(title, "runtime_woken").await.into_iter();
    let told = events.map(|it| {
        let (what, by) = it.as_object().and_then(|it| it.iter().next()).expect("one thing");
        format!("{what} {}", by["by"].as_str().unwrap_or_default())
    });
    told.collect()
}

async fn begins_a_turn(kind: Kind) {
    let stage = Stage::woken_by(&TRANSPORTS, &[kind]).await;
    let title = format!("work-{}", kind.name());
    let pane = stage.open_elsewhere(kind.name(), kind).await;
    if !kind.starts_at_once() {
        pane.prompt("please DO[{\"say\":\"here I am\"}]").await;
        let has_ended = async || {
            stage.session(&title).await?;
            let activities = stage.events(&title, "activity").await;
            activities.iter().any(|it| it["what"]["turn_ended"].is_object()).then_some(())
        };
        stage.until("its first turn to end", has_ended).await;
    }
    let session = stage.wait_presence(&title, "idle").await;
    assert!(session["runtime"]["pane"].is_null(), "no pane is known: {session}");

    for text in ["good morning", "good evening"] {
        let message = stage.tell(&title, text).await;
        stage.wait_seen(&message).await;
        let hooks = stage.handed(&title, &message).await;
        assert_eq!(hooks, ["UserPromptSubmit"], "the mail comes with the line, and once");
        stage.wait_presence(&title, "idle").await;
    }
    assert_eq!(woken(&stage, &title).await, ["asked native", "began native", "asked native", "began native"]);
    let shown = stage.session(&title).await.expect("it is there");
    assert_eq!(shown["runtime"]["woken"]["by"], "native");
    holds(kind, "own door");
}

#[tokio::test]
async fn claude_code_is_woken_through_its_inbox() {
    begins_a_turn(Kind::Claude).await;
}

#[tokio::test]
async fn codex_is_woken_through_its_queue() {
    begins_a_turn(Kind::Codex).await;
}

#[tokio::test]
async fn a_program_without_a_door_is_woken_in_its_terminal_and_that_is_said() {
    let stage = Stage::woken_by(&TRANSPORTS, &[Kind::Gemini]).await;
    let _pane = stage.open("gemini", Kind::Gemini).await;
    stage.wait_presence("work-gemini", "idle").await;
    let message = stage.tell("work-gemini", "good morning").await;
    stage.wait_seen(&message).await;
    let began = stage.events("work-gemini", "runtime_woken").await.pop().expect("an event");
    assert_eq!(began, json!({"began": {"by": "terminal", "instead_of": ["native"]}}));
    let told = stage.tieline(&["doctor", "agents", "gemini"], Kind::Gemini).await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("gemini: warning: woken by `terminal`"), "{told}");
}

#[tokio::test]
async fn a_claude_code_that_asks_nothing_is_not_sent_anything_and_shows_no_dialog() {
    let stage = Stage::woken_by(&TRANSPORTS, &[Kind::Claude]).await;
    for (file, key) in [
        (".claude.json", "bypassPermissionsModeAccepted"),
        (".claude/settings.json", "skipDangerousModePermissionPrompt"),
    ] {
        let path = stage.person.path().join(file);
        let text = fs::read_to_string(&path).expect("a file");
        let mut settings: Value = serde_json::from_str(&text).expect("JSON");
        settings[key] = json!(true);
        fs::write(&path, settings.to_string()).expect("a file");
    }
    let line = |kind: Kind, environment: &BTreeMap<String, String>| {
        let line =
            kind.line_elsewhere(environment).replace("--permission-mode manual", "--permission-mode bypassPermissions");
        // Tests may run as root, where Claude Code wants to know that the machine is for that.
        line.replace("exec env -i ", "exec env -i IS_SANDBOX=1 ")
    };
    let pane = stage.open_by("claude", Kind::Claude, line, "bypass permissions on").await;
    stage.wait_presence("work-claude", "idle").await;
    stage.tell("work-claude", "good morning").await;
    let gave_up = async || {
        let events = stage.events("work-claude", "runtime_woken").await;
        events.iter().any(|it| it["gave_up"].is_object()).then_some(events)
    };
    let events = stage.until("it to be said that nothing can wake it", gave_up).await;
    let reason = events[1]["failed"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("without asking"), "{events:?}");
    assert!(!pane.screen().contains("Held"), "{}", pane.screen());
}

/// The request for a session, as the daemon would make it if it knew of no dialog.
fn request(session: &Value, home: &str) -> Wake {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let runtime = &session["runtime"];
    let number = |name: &str| runtime["process"][name].as_u64().expect("a number");
    let pid = u32::try_from(number("pid")).expect("a process");
    Wake {
        session: text(&session["id"]),
        agent: text(&runtime["agent"]),
        native: text(&runtime["native"]),
        process: Some(ProcessId { pid, started: number("started") }),
        home: Some(home.to_owned()),
        prompt: "[tieline] p yes 1 y".to_owned(),
    }
}

async fn approves_nothing(kind: Kind, home: &str, by_the_door: impl AsyncFn(&Wake) -> Option<Sent>) {
    let stage = Stage::woken_by(&TRANSPORTS, &[kind]).await;
    let title = format!("work-{}", kind.name());
    let pane = stage.open_elsewhere(kind.name(), kind).await;
    let forbidden = stage.person.path().join("forbidden");
    let touch = format!("touch {}", forbidden.display());
    pane.prompt(&format!("please DO[{{\"run\":\"{touch}\",\"asks\":true}},{{\"say\":\"done\"}}]")).await;
    pane.wait(kind.dialog()).await;
    let session = stage.wait_presence(&title, "waiting_for_permission").await;

    let held = stage.tell(&title, "p yes 1 y").await;
    stage.until("the mail to wait", async || (stage.session(&title).await?["pending"] == 1).then_some(())).await;
    assert!(woken(&stage, &title).await.is_empty(), "nobody is asked to wake it");

    // Also when nobody knew of the dialog, and something goes through the door all the same.
    let home = stage.person.path().join(home);
    let sent = by_the_door(&request(&session, home.to_str().expect("a path"))).await;
    // Ten seconds are the longest after which Codex looks into its queue.
    let begin = std::time::Instant::now();
    stage.until("some time to pass", async || (begin.elapsed().as_secs() >= 12).then_some(())).await;
    assert!(pane.screen().contains(kind.dialog()), "the dialog is still there:\n{}", pane.screen());
    assert!(!forbidden.exists(), "it was approved");

    // A person says no. What Codex has not taken by then it keeps, and it is taken back.
    pane.press(kind.refusal());
    pane.wait(kind.is_ready()).await;
    if let Some(sent) = sent {
        let outcome = sent.take_back();
        assert!(outcome.ends_with("the line was taken back"), "{outcome}");
    }
    pane.prompt("never mind DO[{\"say\":\"as you like\"}]").await;
    stage.wait_seen(&held).await;
    assert!(!forbidden.exists(), "it was approved");
    holds(kind, "held during a dialog");
}

#[tokio::test]
async fn the_inbox_of_claude_code_approves_nothing() {
    approves_nothing(Kind::Claude, ".claude", async |wake| {
        let Err(Shut::No(reason)) = open(wake, 1) else { panic!("a dialog is open") };
        assert_eq!(reason, "its own list says that it is waiting");
        let process = wake.process.expect("its process");
        let socket = format!("/tmp/cc-socks/{}.sock", process.pid);
        tell(socket.as_ref(), process, &wake.prompt).expect("its inbox takes it");
        None
    })
    .await;
}

#[tokio::test]
async fn the_queue_of_codex_approves_nothing() {
    approves_nothing(Kind::Codex, ".codex", async |wake| Some(open(wake, 1).expect("its queue takes it"))).await;
}
