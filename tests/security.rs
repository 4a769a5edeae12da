//! The real daemon against callers that it should not trust.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

#[path = "security/canaries.rs"]
mod canaries;
#[path = "security/guard.rs"]
mod guard;
#[path = "security/home.rs"]
mod home;
#[path = "security/input.rs"]
mod input;
#[path = "security/latency.rs"]
mod latency;
#[path = "security/reach.rs"]
mod reach;
#[path = "security/secrets.rs"]
mod secrets;
#[path = "security/start.rs"]
mod start;
#[path = "security/streams.rs"]
mod streams;
#[path = "security/tokens.rs"]
mod tokens;

use serde_json::{Value, json};
use tieline_tests::{daemon::Daemon, http::Request};

/// A token that a test made.
struct Token {
    id: String,
    secret: String,
    home: String,
}

/// Makes a token with the human's, with these fields besides the name.
async fn token(daemon: &Daemon, name: &str, mut fields: Value) -> Token {
    fields["name"] = json!(name);
    let created = says(daemon, "human", json!({ "token_create": fields })).await;
    let created = &created["ok"]["token_created"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
    Token { id: text(&created["token"]), secret: text(&created["secret"]), home: text(&created["principal"]["home"]) }
}

/// Posts a command as `human` or `agent`, and returns the outcome.
async fn says(daemon: &Daemon, who: &str, command: Value) -> Value {
    said(daemon, &daemon.home.token(who), command).await
}

/// Posts a command with a token, and returns the outcome.
async fn said(daemon: &Daemon, secret: &str, command: Value) -> Value {
    Request::command(&command).token(secret).send(&daemon.tcp()).await.json()
}
