//! Revoking a token, and what agents may not do.

use std::time::Duration;

use serde_json::{Value, json};
use tieline_tests::{
    daemon::Daemon,
    http::{EventStream, Request},
    socket::{Frame, Socket},
};

use crate::{said, says, token};

async fn revoke(daemon: &Daemon, id: &str) {
    let revoked = says(daemon, "human", json!({"token_revoke": {"token": id}})).await;
    assert_eq!(revoked, json!({"ok": {"done": {}}}));
}

#[tokio::test]
async fn a_revoked_token_is_nobodys_and_its_link_is_closed() {
    let daemon = Daemon::start();
    let guest = token(&daemon, "guest", json!({"kind": "agent"})).await;
    let (mut on_tcp, _) = Socket::attach(&daemon.tcp(), &guest.secret, json!({})).await;
    let observer = json!({"mode": "observer", "session": "agent"});
    let (mut on_unix, _) = Socket::attach(&daemon.unix(), &guest.secret, observer).await;
    let (mut bystander, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    revoke(&daemon, &guest.id).await;

    for socket in [&mut on_tcp, &mut on_unix] {
        let mut told = Vec::new();
        let code = loop {
            match socket.frame().await {
                Frame::Json(frame) => told.push(frame),
                Frame::Closed(code) => break code,
            }
        };
        assert_eq!(code, Some(4401), "{told:?}");
        assert_eq!(told.last().map(|frame| &frame["bye"]["code"]), Some(&json!(4401)), "{told:?}");
    }
    for place in daemon.places() {
        assert_eq!(Request::get("/v1/whoami").token(&guest.secret).send(&place).await.status, 401);
        let bearer = format!("Bearer {}", guest.secret);
        let refused = Socket::open(&place, "/ws", &[("Authorization", &bearer)]).await;
        assert_eq!(refused.err(), Some(401));
    }
    let again = says(&daemon, "human", json!({"token_revoke": {"token": guest.id}})).await;
    assert_eq!(again["refusal"]["code"], "unknown_token");
    // Nobody else is disturbed.
    assert!(bystander.command(1, &json!({"whoami": {}})).await["ok"].is_object());
}

#[tokio::test]
async fn a_revoked_token_hears_no_more_events() {
    let daemon = Daemon::start();
    let guest = token(&daemon, "guest", json!({"kind": "agent"})).await;
    let mut stream = Request::get("/v1/events").token(&guest.secret).events(&daemon.tcp()).await;
    let mut live = Socket::with_token(&daemon.unix(), "/v1/live", &guest.secret).await;
    revoke(&daemon, &guest.id).await;
    says(&daemon, "human", json!({"session_open": {"title": "a secret of the others"}})).await;
    assert!(!has_secret(&rest(&mut stream).await));
    let mut heard = Vec::new();
    while let Frame::Json(event) = live.frame().await {
        heard.push(event);
    }
    assert!(!has_secret(&heard));
}

#[tokio::test]
async fn an_expired_token_hears_no_more_events_and_its_link_is_closed() {
    let daemon = Daemon::start();
    let guest = token(&daemon, "guest", json!({"kind": "agent", "expires_in_ms": 4000})).await;
    let mut stream = Request::get("/v1/events").token(&guest.secret).events(&daemon.tcp()).await;
    let (mut socket, _) = Socket::attach(&daemon.tcp(), &guest.secret, json!({})).await;
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(Request::get("/v1/whoami").token(&guest.secret).send(&daemon.tcp()).await.status, 401);
    says(&daemon, "human", json!({"session_open": {"title": "a secret of the others"}})).await;
    assert!(!has_secret(&rest(&mut stream).await));
}

/// Everything until the stream ends, which it has to.
async fn rest(stream: &mut EventStream) -> Vec<Value> {
    let mut events = Vec::new();
    let all = async {
        while let Some(event) = stream.next().await {
            events.push(event.data);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("the stream ends");
    events
}

fn has_secret(events: &[Value]) -> bool {
    events.iter().any(|event| event.to_string().contains("a secret of the others"))
}

#[tokio::test]
async fn who_is_no_human_manages_no_tokens_and_no_plugins() {
    let daemon = Daemon::start();
    let service = token(&daemon, "ci", json!({"kind": "service"})).await;
    let human = token(&daemon, "half", json!({"kind": "human", "scopes": ["message:send"]})).await;
    let commands = [
        json!({"token_create": {"name": "x", "kind": "agent"}}),
        json!({"token_create": {"name": "x", "kind": "human"}}),
        json!({"token_list": {}}),
        json!({"token_revoke": {"token": service.id}}),
        json!({"plugin_list": {}}),
        json!({"plugin_info": {"name": "websocket"}}),
        json!({"plugin_logs": {"name": "websocket"}}),
        json!({"plugin_enable": {"name": "websocket"}}),
        json!({"plugin_disable": {"name": "websocket"}}),
        json!({"plugin_reload": {"name": "websocket"}}),
        json!({"plugin_trust": {"name": "websocket"}}),
    ];
    for secret in [&daemon.home.token("agent"), &service.secret, &human.secret] {
        for command in &commands {
            let answer = Request::command(command).token(secret).send(&daemon.tcp()).await;
            assert_eq!((answer.status, &answer.json()["refusal"]["code"]), (403, &json!("forbidden")), "{command}");
        }
        for path in ["/v1/tokens", "/v1/plugins", "/v1/plugins/websocket", "/v1/plugins/websocket/logs"] {
            assert_eq!(Request::get(path).token(secret).send(&daemon.unix()).await.status, 403, "{path}");
        }
    }
    let (mut peer, _) = Socket::attach(&daemon.tcp(), &daemon.home.token("agent"), json!({})).await;
    for (corr, command) in (1..).zip(&commands) {
        assert_eq!(peer.command(corr, command).await["refusal"]["code"], "forbidden", "{command}");
    }
    // Nor can a human give that away.
    for scope in ["token:manage", "plugin:manage"] {
        let create = json!({"token_create": {"name": "x", "kind": "agent", "scopes": [scope]}});
        assert_eq!(says(&daemon, "human", create).await["refusal"]["field"], "token_create.scopes");
    }
    // A list shows no secret, and not what is kept of one.
    let listed = says(&daemon, "human", json!({"token_list": {}})).await.to_string();
    assert!(listed.contains(&service.id) && !listed.contains(&service.secret) && !listed.contains("hash"), "{listed}");
}

#[tokio::test]
async fn a_token_does_no_more_than_its_scopes_say() {
    let daemon = Daemon::start();
    let mute = token(&daemon, "mute", json!({"kind": "service", "scopes": ["timeline:read"]})).await;
    for command in [
        json!({"notify": {"to": "human", "text": "x"}}),
        json!({"ask": {"to": "human", "text": "x"}}),
        json!({"ask_many": {"to": ["human"], "text": "x"}}),
        json!({"ack": {"ask": "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"}}),
        json!({"broadcast": {"text": "x"}}),
        json!({"cancel": {"message": "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"}}),
        json!({"inbox": {}}),
        json!({"receipt": {"lane": "msg", "through": 1, "state": "seen"}}),
        json!({"session_open": {"title": "x"}}),
        json!({"session_close": {"session": "mute"}}),
        json!({"peer_attach": {}}),
    ] {
        assert_eq!(said(&daemon, &mute.secret, command.clone()).await["refusal"]["code"], "forbidden", "{command}");
    }
    let deaf = token(&daemon, "deaf", json!({"kind": "service", "scopes": ["message:send"]})).await;
    for path in [
        "/v1/sessions",
        "/v1/sessions/human",
        "/v1/sessions/human/events",
        "/v1/peers",
        "/v1/events",
        "/v1/live",
        "/metrics",
    ] {
        let answer = Request::get(path).token(&deaf.secret).send(&daemon.tcp()).await;
        assert_eq!((answer.status, &answer.json()["refusal"]["code"]), (403, &json!("forbidden")), "{path}");
    }
}
