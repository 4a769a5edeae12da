//! The client against a daemon of canned answers.

use std::path::Path;

use tieline_model::command::Whoami;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use super::*;

const DONE: &str = r#"{"ok":{"done":{}}}"#;

fn response(status: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

/// Answers one connection after the other; `None` closes without a word. Returns the requests.
async fn play(path: &Path, answers: Vec<Option<String>>) -> tokio::task::JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(b"}}") {
                let mut chunk = [0; 1024];
                let size = stream.read(&mut chunk).await.unwrap();
                read.extend_from_slice(&chunk[..size]);
            }
            requests.push(String::from_utf8(read).unwrap());
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        requests
    })
}

fn client(path: &Path) -> Client {
    Client::new(Endpoint::Unix(path.to_owned()), Some(Secret::new("s3cret")))
}

fn key(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap()
}

#[tokio::test]
async fn a_command_that_is_sent_again_keeps_its_key() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("socket");
    let busy = r#"{"refusal":{"code":"busy","message":"full","retry_after_ms":1}}"#;
    let answers = vec![response("503 Busy", busy), None, response("200 OK", DONE)];
    let played = play(&path, answers).await;

    let outcome = client(&path).command(&Command::Whoami(Whoami {})).await.unwrap();
    assert_eq!(serde_json::to_string(&outcome).unwrap(), DONE);
    let requests = played.await.unwrap();
    assert!(requests[0].contains("authorization: Bearer s3cret") && requests[0].contains("host: localhost"));
    assert!(requests[0].ends_with(r#"{"whoami":{}}"#), "{}", requests[0]);
    assert_eq!(key(&requests[0]), key(&requests[1]));
    assert_eq!(key(&requests[0]), key(&requests[2]));
    assert_eq!(key(&requests[0]).len(), 32);
}

#[tokio::test]
async fn a_refusal_that_time_does_not_mend_comes_back_at_once() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("socket");
    let refusal = r#"{"refusal":{"code":"unknown_session","message":"no `x`","candidates":["y"]}}"#;
    let played = play(&path, vec![response("404 Not Found", refusal)]).await;
    let failed = client(&path).call(&Command::Whoami(Whoami {})).await.unwrap_err();
    assert_eq!(failed.exit_code(), 5);
    assert_eq!(played.await.unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_there_and_somebody_else_there_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("socket");
    let nobody = client(&path).call(&Command::Whoami(Whoami {})).await.unwrap_err();
    assert!(matches!(&nobody, Failed::Unreachable { why, .. } if why == "there is no such socket"), "{nobody}");
    assert_eq!(nobody.exit_code(), 69);

    let _played = play(&path, vec![response("404 Not Found", "<html>")]).await;
    let stranger = client(&path).call(&Command::Whoami(Whoami {})).await.unwrap_err();
    assert!(matches!(&stranger, Failed::Stranger { what, .. } if what.contains("status 404")), "{stranger}");
}

#[tokio::test]
async fn a_stream_that_ends_is_resumed_after_its_last_event() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = tokio::spawn(async move {
        let mut heads = Vec::new();
        for body in ["id: 4\nevent: x\ndata: {\"a\":1}\n\n", "id: 5\nevent: x\ndata: {\"a\":2}\n\n"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let size = stream.read(&mut head).await.unwrap();
            heads.push(String::from_utf8_lossy(&head[..size]).into_owned());
            let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            stream.write_all(format!("{start}{body}").as_bytes()).await.unwrap();
        }
        heads
    });

    let mut stream = client(&path).events(&["ops/a".to_owned()], None).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.push(match stream.next().await.unwrap() {
            Item::Connected => "connected".to_owned(),
            Item::Lost(_) => "lost".to_owned(),
            Item::Event { json, .. } | Item::Gap { json, .. } => json,
        });
    }
    assert_eq!(seen, ["connected", "{\"a\":1}", "lost", "connected", "{\"a\":2}"]);
    let heads = daemon.await.unwrap();
    assert!(heads[0].starts_with("GET /v1/events?session=ops%2Fa ") && !heads[0].contains("last-event-id"));
    assert!(heads[1].contains("last-event-id: 4"), "{}", heads[1]);
}
