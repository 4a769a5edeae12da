//! No secret and no word of a message leaves by the log, the process list, the metrics or the database.

use std::fs;

use serde_json::{Value, json};
use tieline_tests::{
    daemon::{Daemon, Home},
    http::Request,
    socket::Socket,
};

use crate::{said, says, token};

/// In every text that anybody says here.
const CANARY: &str = "canary-7f3a";
/// In every token that is none.
const WRONG: &str = "tieline_wrong-canary-7f3a";

/// Says a text in every way there is.
async fn say_everything(daemon: &Daemon) {
    let text = |what: &str| format!("{CANARY} {what}");
    let ask = says(daemon, "agent", json!({"ask": {"to": "human", "text": text("ask")}})).await;
    let ask = ask["ok"]["accepted"]["message"].as_str().unwrap();
    says(daemon, "human", json!({"ack": {"ask": ask, "text": text("ack")}})).await;
    says(daemon, "agent", json!({"broadcast": {"text": text("broadcast")}})).await;
    says(daemon, "agent", json!({"ask_many": {"to": ["human"], "text": text("ask_many")}})).await;
    says(daemon, "human", json!({"session_open": {"title": "plain", "description": text("description")}})).await;
    // Refused, malformed, too large, misspelt.
    for command in [
        json!({"notify": {"to": "nobody", "text": text("to nobody")}}),
        json!({"notify": {"to": "human", "txt": text("misspelt")}}),
        json!({"notify": {"to": "human", "text": [text("in a list")]}}),
        json!({"notify": {"to": "human", "text": text(&"x".repeat(300_000))}}),
        json!({"notify": {"to": "human", "text": text("too long a life"), "expires_in_ms": u64::MAX}}),
        json!({ text("no command"): {} }),
    ] {
        assert!(says(daemon, "agent", command).await.get("refusal").is_some());
    }
    for body in [text("no JSON"), format!("{{\"notify\":{{\"text\":\"{CANARY}"), text(&"x".repeat(2 << 20))] {
        let request = Request::post("/v1/commands", body).token(&daemon.home.token("agent"));
        assert!(request.send(&daemon.tcp()).await.status >= 400);
    }
    let call = |id: u64, name: &str, arguments: Value| {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}});
        let request = Request::post("/mcp", call.to_string()).token(&daemon.home.token("agent"));
        request.header("Accept", "application/json, text/event-stream")
    };
    for request in [
        call(1, "notify", json!({"to": "human", "text": text("by MCP")})),
        call(2, "notify", json!({"to": "human", "txt": text("by MCP")})),
        call(3, "inbox", json!({})),
        call(4, "no_tool", json!({"text": text("by MCP")})),
        Request::post("/mcp", text("no JSON-RPC")).token(&daemon.home.token("agent")),
    ] {
        request.send(&daemon.tcp()).await;
    }
    // A peer that receives, refuses one for good, and says what is no frame.
    let (mut peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("human"), json!({})).await;
    peer.send(&json!({"receipt": {"lane": "msg", "seq": 1, "state": "rejected", "reason": text("reason")}})).await;
    peer.send(&json!({"receipt": {"lane": "msg", "through": 99, "state": "seen"}})).await;
    peer.command(1, &json!({"notify": {"to": "agent", "text": text("by a peer")}})).await;
    peer.command(2, &json!({"notify": {"to": "agent", "txt": text("by a peer")}})).await;
    peer.command(3, &json!({"whoami": {}})).await;
    peer.send_text(&text("no frame")).await;
    assert_eq!(peer.closed().await, Some(4400));
    for (path, header) in [
        ("/v1/whoami", ("Authorization", format!("Bearer {WRONG}"))),
        ("/ws", ("Sec-WebSocket-Protocol", format!("tieline.bearer.{WRONG}"))),
    ] {
        let answer = Request::get(path).header(header.0, &header.1).send(&daemon.tcp()).await;
        assert_eq!(answer.status, 401);
    }
    Request::get(&format!("/v1/whoami?token={WRONG}")).send(&daemon.tcp()).await;
    Request::get(&format!("/v1/sessions?circle={CANARY}")).token(&daemon.home.token("agent")).send(&daemon.tcp()).await;
}

#[tokio::test]
async fn the_log_has_no_secret_and_no_word_of_a_message() {
    for format in ["text", "json"] {
        let home = Home::new().config(&format!("[log]\nfilter = \"debug\"\nformat = \"{format}\"\n"));
        let mut daemon = home.start();
        let guest = token(&daemon, "guest", json!({"kind": "agent"})).await;
        say_everything(&daemon).await;
        assert!(said(&daemon, &guest.secret, json!({"whoami": {}})).await["ok"].is_object());
        says(&daemon, "human", json!({"token_revoke": {"token": guest.id}})).await;
        let secrets = [daemon.home.token("human"), daemon.home.token("agent"), guest.secret];
        daemon.restart();
        assert!(daemon.stop().success());

        let log = daemon.log();
        assert!(log.contains("DEBUG"), "the level is on: {log}");
        for line in log.lines() {
            assert!(!line.contains(CANARY) && !line.contains(WRONG), "{line}");
            for secret in &secrets {
                assert!(!line.contains(secret.trim_start_matches("tieline_")), "a secret in the log");
            }
        }
    }
}

#[tokio::test]
async fn the_process_list_the_metrics_and_the_database_have_no_secret() {
    let daemon = Daemon::start();
    let guest = token(&daemon, "guest", json!({"kind": "agent"})).await;
    say_everything(&daemon).await;
    let secrets = [daemon.home.token("human"), daemon.home.token("agent"), guest.secret];
    let metrics = Request::get("/metrics").token(&secrets[0]).send(&daemon.tcp()).await;
    assert!(metrics.text().contains("# TYPE") && !metrics.text().contains(CANARY), "{}", metrics.text());

    let proc = |name: &str| fs::read(format!("/proc/{}/{name}", daemon.pid())).unwrap_or_default();
    let mut places =
        vec![("cmdline", proc("cmdline")), ("environ", proc("environ")), ("metrics", metrics.body.to_vec())];
    #[cfg(target_os = "linux")]
    assert!(!places[0].1.is_empty() && !places[1].1.is_empty());
    for name in ["tieline.db", "tieline.db-wal"] {
        let content = fs::read(daemon.home.path().join("data").join(name)).unwrap();
        places.push((name, content));
    }
    for secret in &secrets {
        let needle = secret.trim_start_matches("tieline_").as_bytes();
        for (place, content) in &places {
            let has_it = content.windows(needle.len()).any(|part| part == needle);
            assert!(!has_it, "a secret in {place}");
        }
    }
}
