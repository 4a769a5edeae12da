//! `tieline doctor agents --live`: each program is run for one turn, and the message is found in its own record.

use std::fs;

use serde_json::Value;

use crate::{program::Kind, stage::Stage};

async fn doctor(stage: &Stage, kind: Kind) -> (bool, Value) {
    let output = stage.tieline(&["--json", "doctor", "agents", "--live", kind.name()], kind).await;
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), found["agents"][0].clone())
}

async fn sees_it_arrive(kind: Kind) {
    let stage = Stage::with(&[kind]).await;
    let (is_good, found) = doctor(&stage, kind).await;
    assert!(is_good, "{found}");
    assert!(found["turn"]["seen"]["evidence"].as_str().is_some_and(|what| !what.is_empty()), "{found}");
    assert_eq!(stage.model.heard("a check by `tieline doctor agents`"), 1, "it came before the model once");

    // Its session is put away, and its folder is gone.
    let list = stage.say("human", &serde_json::json!({"session_list": {}})).await;
    let sessions = list["sessions"]["sessions"].as_array().expect("sessions");
    let left = sessions.iter().find(|session| session["runtime"]["agent"] == kind.name());
    assert!(left.is_none(), "{left:?}");
}

#[tokio::test]
async fn a_message_arrives_in_claude_code() {
    sees_it_arrive(Kind::Claude).await;
}

#[tokio::test]
async fn a_message_arrives_in_codex() {
    sees_it_arrive(Kind::Codex).await;
}

#[tokio::test]
async fn a_message_arrives_in_gemini_cli() {
    sees_it_arrive(Kind::Gemini).await;
}

#[tokio::test]
async fn a_message_arrives_in_opencode() {
    sees_it_arrive(Kind::Opencode).await;
}

#[tokio::test]
async fn a_message_arrives_in_pi() {
    sees_it_arrive(Kind::Pi).await;
}

#[tokio::test]
async fn a_program_whose_hooks_do_not_get_through_is_told_of() {
    let stage = Stage::with(&[Kind::Codex]).await;
    // It is set up, and does not trust a hook any more.
    let config = stage.person.path().join(".codex/config.toml");
    let text = fs::read_to_string(&config).expect("settings");
    fs::write(&config, text.replace("trusted_hash = \"sha256:", "trusted_hash = \"sha256:0")).expect("settings");
    let (is_good, found) = doctor(&stage, Kind::Codex).await;
    assert!(!is_good, "{found}");
    assert_eq!(found["setup"], "differs", "{found}");
    assert!(found["turn"].is_null(), "what is not set up is not tried: {found}");
}
