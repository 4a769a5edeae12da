//! Wrong input: a code, a sentence and the field, nothing stored, nothing broken.

use serde_json::{Value, json};
use tieline_tests::{
    daemon::Daemon,
    http::{Answer, Request},
    socket::{Frame, Socket},
};

use crate::said;

const MIB: usize = 1 << 20;

fn refused(answer: &Answer, status: u16, code: &str, field: Option<&str>, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    let refusal = &answer.json()["refusal"];
    assert_eq!(refusal["code"], code, "{what}: {refusal}");
    assert_eq!(refusal["field"].as_str(), field, "{what}: {refusal}");
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains(' ') && message.len() < 2000, "{what}: {message}");
}

/// What there is to change: nothing wrong may add to it.
async fn state(daemon: &Daemon) -> Value {
    let token = daemon.home.token("human");
    let sessions = said(daemon, &token, json!({"session_list": {"include_closed": true}})).await;
    let inbox = said(daemon, &token, json!({"inbox": {}})).await;
    let events = Request::get("/v1/sessions/human/events").token(&token).send(&daemon.tcp()).await.json();
    json!([sessions, inbox, events])
}

#[tokio::test]
async fn a_wrong_command_is_refused_with_code_sentence_and_field() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    let before = state(&daemon).await;
    let nested = |depth: usize| format!("{}{}{}", r#"{"a":"#.repeat(depth), 1, "}".repeat(depth));
    let long = "x".repeat(300);
    let cases: Vec<(String, Option<&str>)> = vec![
        // JSON of another shape.
        ("null".into(), None),
        ("[]".into(), None),
        ("{}".into(), None),
        (r#""whoami""#.into(), Some("whoami")),
        (r#"{"whoami":null}"#.into(), Some("whoami")),
        (r#"{"whoami":{},"session_list":{}}"#.into(), None),
        (nested(33), None),
        (nested(100_000), None),
        // Names that nothing has.
        (r#"{"notfy":{"to":"human","text":"x"}}"#.into(), None),
        (r#"{"whoami":{"x":1}}"#.into(), Some("whoami.x")),
        (r#"{"notify":{"to":"human","text":"x","from":"agent"}}"#.into(), Some("notify.from")),
        (r#"{"notify":{"to":"human","text":"x","principal":"human"}}"#.into(), Some("notify.principal")),
        (r#"{"notify":{"to":"human","to":"agent","text":"x"}}"#.into(), Some("notify")),
        (r#"{"receipt":{"lane":"fast","through":1,"state":"seen"}}"#.into(), Some("receipt.lane")),
        (r#"{"receipt":{"lane":"msg","through":1,"state":"lost"}}"#.into(), Some("receipt.state")),
        (r#"{"ask_many":{"to":["human"],"text":"x","need":"some"}}"#.into(), Some("ask_many.need")),
        (r#"{"token_create":{"name":"x","kind":"god"}}"#.into(), Some("token_create.kind")),
        (
            r#"{"token_create":{"name":"x","kind":"agent","scopes":["everything"]}}"#.into(),
            Some("token_create.scopes[0]"),
        ),
        // Values of another type, or out of range.
        (r#"{"notify":{"to":"human","text":5}}"#.into(), Some("notify.text")),
        (r#"{"notify":{"to":"human","text":null}}"#.into(), Some("notify.text")),
        (r#"{"notify":{"to":"human"}}"#.into(), Some("notify")),
        (r#"{"notify":{"to":"","text":"x"}}"#.into(), Some("notify.to")),
        (r#"{"notify":{"to":"ses_12345678901234567890123456789zzz","text":"x"}}"#.into(), Some("notify.to")),
        (r#"{"notify":{"to":"human","text":"x","expires_in_ms":-1}}"#.into(), Some("notify.expires_in_ms")),
        (r#"{"notify":{"to":"human","text":"x","expires_in_ms":1.5}}"#.into(), Some("notify.expires_in_ms")),
        (r#"{"notify":{"to":"human","text":"x","expires_in_ms":0}}"#.into(), Some("notify.expires_in_ms")),
        (
            r#"{"notify":{"to":"human","text":"x","expires_in_ms":18446744073709551615}}"#.into(),
            Some("notify.expires_in_ms"),
        ),
        (r#"{"notify":{"to":"human","text":"x","expires_in_ms":1e400}}"#.into(), Some("notify.expires_in_ms")),
        (r#"{"notify":{"to":"human","text":"\ud800"}}"#.into(), Some("notify.text")),
        (r#"{"ack":{"ask":"msg_1"}}"#.into(), Some("ack.ask")),
        (r#"{"ack":{"ask":"ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"}}"#.into(), Some("ack.ask")),
        (r#"{"ask_many":{"to":[],"text":"x"}}"#.into(), Some("ask_many.to")),
        (r#"{"inbox":{"limit":0}}"#.into(), Some("inbox.limit")),
        (r#"{"inbox":{"limit":4294967296}}"#.into(), Some("inbox.limit")),
        (r#"{"inbox":{"after":3}}"#.into(), Some("inbox.after")),
        (r#"{"session_list":{"limit":501}}"#.into(), Some("session_list.limit")),
        (r#"{"session_open":{"title":""}}"#.into(), Some("session_open.title")),
        (r#"{"session_open":{"title":"@x"}}"#.into(), Some("session_open.title")),
        (format!(r#"{{"session_open":{{"title":"{long}"}}}}"#), Some("session_open.title")),
        (r#"{"session_open":{"title":"a\u0000b"}}"#.into(), Some("session_open.title")),
        (r#"{"session_open":{"title":"a\nb"}}"#.into(), Some("session_open.title")),
        (r#"{"receipt":{"lane":"msg","state":"seen"}}"#.into(), Some("receipt.through")),
        (r#"{"receipt":{"lane":"msg","through":1,"state":"rejected"}}"#.into(), Some("receipt.seq")),
        (r#"{"token_create":{"name":"x","kind":"system"}}"#.into(), Some("token_create.kind")),
    ];
    let mut wrong = Vec::new();
    for (body, field) in cases {
        let shown: String = body.chars().take(120).collect();
        let answer = Request::post("/v1/commands", body).token(&token).send(&daemon.tcp()).await;
        let refusal = &answer.json()["refusal"];
        let is_told = refusal["message"].as_str().is_some_and(|message| message.contains(' ') && message.len() < 2000);
        if answer.status != 400 || refusal["code"] != "bad_input" || refusal["field"].as_str() != field || !is_told {
            wrong.push(format!("{shown}\n  wanted {field:?}, found {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is no JSON, or not all of it, has no fields: the sentence tells the place.
    let torn =
        ["", "nonsense", r#"{"whoami":{}"#, r#"{"whoami":{}} {}"#, r#"{"whoami":{},}"#, "\u{feff}{\"whoami\":{}}"];
    let torn = torn.map(|text| text.as_bytes().to_vec()).into_iter();
    let no_text = [b"{\"notify\":{\"to\":\"human\",\"text\":\"\xff\"}}".to_vec(), b"\xff\xfe".to_vec(), vec![0]];
    for body in torn.chain(no_text).chain([vec![b'['; 500_000]]) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        let answer = Request::post("/v1/commands", body).token(&token).send(&daemon.tcp()).await;
        assert_eq!((answer.status, &answer.json()["refusal"]["code"]), (400, &json!("bad_input")), "{shown}");
    }
    assert_eq!(state(&daemon).await, before);
}

#[tokio::test]
async fn a_body_that_is_not_called_json_is_refused() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    let before = state(&daemon).await;
    let command = r#"{"notify":{"to":"human","text":"x"}}"#;
    for kind in [
        None,
        Some("text/plain"),
        Some("text/plain; charset=application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonp"),
        Some(""),
    ] {
        let request = Request::new("POST", "/v1/commands").body(command).token(&token);
        let request = kind.iter().fold(request, |request, kind| request.header("Content-Type", kind));
        let answer = request.send(&daemon.tcp()).await;
        refused(&answer, 400, "bad_input", Some("Content-Type"), &format!("{kind:?}"));

        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                          "params": {"name": "notify", "arguments": {"to": "human", "text": "x"}}});
        let request = Request::new("POST", "/mcp").body(call.to_string()).token(&token);
        let request = request.header("Accept", "application/json, text/event-stream");
        let request = kind.iter().fold(request, |request, kind| request.header("Content-Type", kind));
        let answer = request.send(&daemon.tcp()).await;
        assert!((400..500).contains(&answer.status), "MCP with {kind:?}: {} {}", answer.status, answer.text());
    }
    assert_eq!(state(&daemon).await, before);
    let request = Request::new("POST", "/v1/commands").body(r#"{"whoami":{}}"#).token(&token);
    let answer = request.header("Content-Type", "Application/JSON; charset=utf-8").send(&daemon.tcp()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_stays_in_order() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    let before = state(&daemon).await;
    for place in daemon.places() {
        for size in [MIB + 1, 3 * MIB] {
            let body = format!(r#"{{"notify":{{"to":"human","text":"{}"}}}}"#, "x".repeat(size));
            let answer = Request::post("/v1/commands", body).token(&token).send(&place).await;
            refused(&answer, 413, "too_large", None, "a body");
        }
        let text = "x".repeat(262_145);
        let answer =
            Request::command(&json!({"notify": {"to": "human", "text": text}})).token(&token).send(&place).await;
        refused(&answer, 413, "too_large", Some("notify.text"), "a text");
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                          "params": {"name": "notify", "arguments": {"to": "human", "text": "x".repeat(2 * MIB)}}});
        let request = Request::post("/mcp", call.to_string()).token(&token);
        let answer = request.header("Accept", "application/json, text/event-stream").send(&place).await;
        assert_eq!(answer.status, 413, "{}", answer.text());
    }
    assert_eq!(state(&daemon).await, before);
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    let before = state(&daemon).await;
    let command = Request::command(&json!({"notify": {"to": "human", "text": "x"}})).token(&token);
    for key in ["x".repeat(129), String::new(), "\u{e4}".into()] {
        let answer = command.clone().header("Idempotency-Key", &key).send(&daemon.tcp()).await;
        refused(&answer, 400, "bad_input", Some("Idempotency-Key"), &key);
    }
    assert_eq!(state(&daemon).await, before);
}

#[tokio::test]
async fn a_wrong_query_or_path_is_refused_with_its_field() {
    let daemon = Daemon::start();
    let token = daemon.home.token("human");
    for (path, status, code, field) in [
        ("/v1/sessions?limit=many", 400, "bad_input", Some("query")),
        ("/v1/sessions?limit=0", 400, "bad_input", Some("session_list.limit")),
        ("/v1/sessions?colour=red", 400, "bad_input", Some("query")),
        ("/v1/sessions?after=ses_1", 400, "bad_input", Some("after")),
        ("/v1/sessions?include_closed=perhaps", 400, "bad_input", Some("query")),
        ("/v1/sessions/human/export?format=pdf", 400, "bad_input", Some("format")),
        ("/v1/sessions/human/export?colour=red", 400, "bad_input", Some("query")),
        ("/v1/sessions/nobody/export", 404, "unknown_session", Some("session_get.session")),
        ("/v1/events?session=human&colour=red", 400, "bad_input", Some("query")),
        ("/v1/sessions/nobody", 404, "unknown_session", Some("session_get.session")),
        ("/v1/sessions/ses_12345678901234567890123456789zzz", 400, "bad_input", Some("session")),
        ("/v1/sessions/human/inbox?lane=fast", 400, "bad_input", Some("query")),
        ("/v1/sessions/human/inbox?after=1", 400, "bad_input", Some("inbox.after")),
        ("/v1/sessions/human/inbox?lane=msg&after=-1", 400, "bad_input", Some("query")),
        ("/v1/sessions/human/events?limit=0", 400, "bad_input", Some("timeline.limit")),
        ("/v1/sessions/human/events?limit=501", 400, "bad_input", Some("timeline.limit")),
        ("/v1/sessions/nobody/events", 404, "unknown_session", Some("timeline.sessions[0]")),
        ("/v1/peers?session=nobody", 404, "unknown_session", Some("peer_list.session")),
        ("/v1/messages/1", 400, "bad_input", Some("message")),
        ("/v1/messages/msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f", 404, "unknown_message", Some("trace.message")),
        ("/v1/events?after=yesterday", 400, "bad_input", Some("after")),
        ("/v1/events?session=nobody", 404, "unknown_session", Some("session")),
        ("/v1/live?after=yesterday", 400, "bad_input", Some("after")),
        ("/v1/nothing", 404, "unknown_path", None),
    ] {
        let answer = Request::get(path).token(&token).send(&daemon.tcp()).await;
        refused(&answer, status, code, field, path);
    }
    let request = Request::get("/v1/events").token(&token).header("Last-Event-ID", "none");
    refused(&request.send(&daemon.tcp()).await, 400, "bad_input", Some("Last-Event-ID"), "Last-Event-ID");
}

#[tokio::test]
async fn a_wrong_frame_closes_and_a_wrong_command_does_not() {
    let daemon = Daemon::start();
    let token = daemon.home.token("agent");
    let place = daemon.tcp();
    for (frames, field) in [
        (vec!["nonsense"], None),
        (vec!["[1,2]"], None),
        (vec![r#"{"bye":{}"#], None),
        (vec![r#"{"command":{"corr":1,"command":{"whoami":{}}}}"#], None),
        (vec![r#"{"hello":{"protocol":1,"colour":"red"}}"#], Some("hello.colour")),
        (vec![r#"{"hello":{"protocol":1}}"#, r#"{"hello":{"protocol":1}}"#], None),
        (vec![r#"{"hello":{"protocol":1}}"#, r#"{"greeting":{}}"#], None),
        (
            vec![r#"{"hello":{"protocol":1}}"#, r#"{"command":{"corr":0,"command":{"whoami":{}}}}"#],
            Some("command.corr"),
        ),
    ] {
        let mut socket = Socket::with_token(&place, "/ws", &token).await;
        for frame in &frames {
            socket.send_text(frame).await;
        }
        let mut error = None;
        let code = loop {
            match socket.frame().await {
                Frame::Json(frame) if frame.get("error").is_some() => error = Some(frame["error"].clone()),
                Frame::Json(_) => {}
                Frame::Closed(code) => break code,
            }
        };
        assert_eq!(code, Some(4400), "{frames:?}: {error:?}");
        let error = error.unwrap_or_else(|| panic!("no error frame for {frames:?}"));
        assert_eq!(error["code"], "bad_input", "{frames:?}");
        if field.is_some() {
            assert_eq!(error["field"].as_str(), field, "{frames:?}: {error}");
        }
    }

    let mut socket = Socket::with_token(&place, "/ws", &token).await;
    socket.send_binary(b"{}").await;
    assert_eq!(socket.closed().await, Some(4400));

    let mut socket = Socket::with_token(&place, "/ws", &token).await;
    socket.send(&json!({"hello": {"protocol": 1, "session": "nobody"}})).await;
    let error = socket.json().await;
    assert_eq!(
        (&error["error"]["code"], &error["error"]["field"]),
        (&json!("unknown_session"), &json!("hello.session"))
    );
    assert_eq!(socket.closed().await, Some(4403));

    let (mut socket, _) = Socket::attach(&place, &token, json!({})).await;
    let wrong = socket.command(1, &json!({"notify": {"to": "human", "txt": "x"}})).await;
    assert_eq!(wrong["refusal"]["field"], "notify.txt");
    let deep: Value = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(socket.command(2, &deep).await["refusal"]["code"], "bad_input");
    let long = json!({"notify": {"to": "human", "text": "x".repeat(262_145)}});
    assert_eq!(socket.command(3, &long).await["refusal"]["code"], "too_large");
    assert!(socket.command(4, &json!({"whoami": {}})).await["ok"].is_object());
    let huge = json!({"command": {"corr": 5, "command": {"notify": {"to": "human", "text": "x".repeat(2 * MIB)}}}});
    socket.send_text(&huge.to_string()).await;
    assert_eq!(socket.closed().await, Some(1009));
}
