//! Events over server-sent events and a WebSocket: resumed after every break, under load, none is missed or repeated.

use serde_json::{Value, json};
use tieline_tests::{
    LIMIT,
    daemon::{Daemon, Home},
    http::{Connection, Place, Request},
    socket::{Frame, Socket},
};
use tokio::time::timeout;

use crate::{says, token};

const SENDERS: usize = 4;
const EACH: usize = 150;
/// After so many events a reader breaks off and comes back.
const PART: usize = 23;

/// A daemon that lets a service say as much as it likes.
fn daemon() -> Daemon {
    let rates = "[limits.rates.service]\nper_second = 100000\nburst = 100000\n";
    Home::new().lasting_port().config(rates).start()
}

/// Sends until all is accepted; a connection that breaks is opened again.
async fn load(place: Place, secret: String, sender: usize) {
    let mut connection = Connection::open(&place).await;
    for number in 0..EACH {
        let command = json!({"notify": {"to": "human", "text": format!("{sender} {number}")}});
        let answer = connection.send(&Request::command(&command).token(&secret)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// A way to read events from a cursor on.
trait Reader {
    async fn open(daemon: &Daemon, secret: &str, after: i64) -> Self;
    async fn next(&mut self) -> Option<Value>;
}

struct Sse(tieline_tests::http::EventStream);

impl Reader for Sse {
    async fn open(daemon: &Daemon, secret: &str, after: i64) -> Self {
        let request = Request::get("/v1/events").token(secret).header("Last-Event-ID", &after.to_string());
        Sse(request.events(&daemon.tcp()).await)
    }

    async fn next(&mut self) -> Option<Value> {
        let event = self.0.next().await?;
        assert_eq!(event.data["cursor"], event.id);
        assert!(event.data["body"].get(&event.event).is_some(), "{event:?}");
        Some(event.data)
    }
}

struct Live(Socket);

impl Reader for Live {
    async fn open(daemon: &Daemon, secret: &str, after: i64) -> Self {
        Live(Socket::with_token(&daemon.unix(), &format!("/v1/live?after={after}"), secret).await)
    }

    async fn next(&mut self) -> Option<Value> {
        match self.0.frame().await {
            Frame::Json(event) => Some(event),
            Frame::Closed(_) => None,
        }
    }
}

/// Reads until `is_last`, in parts, each resumed after the last event of the one before.
async fn read_in_parts<R: Reader>(daemon: &Daemon, secret: &str, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event["cursor"].as_i64().unwrap());
        let mut reader = R::open(daemon, secret, after).await;
        for _ in 0..PART {
            let Some(event) = timeout(LIMIT, reader.next()).await.expect("an event") else { break };
            let is_end = is_last(&event);
            events.push(event);
            if is_end {
                return events;
            }
        }
    }
}

fn check(events: &[Value], whole: &[Value]) {
    let cursors: Vec<i64> = events.iter().map(|event| event["cursor"].as_i64().unwrap()).collect();
    assert!(cursors.is_sorted_by(|a, b| a < b), "each once and in order");
    assert_eq!(events, whole, "what came in parts is the whole");
    let mut last = std::collections::HashMap::new();
    for event in events {
        let seq = last.entry(event["session"].to_string()).or_insert(0);
        *seq += 1;
        assert_eq!(event["seq"], *seq, "no gap on a timeline: {event}");
    }
    let accepted = events.iter().filter(|event| event["body"].get("message_accepted").is_some()).count();
    assert_eq!(accepted, SENDERS * EACH);
}

async fn resumes<R: Reader>() {
    let daemon = daemon();
    let human = daemon.home.token("human");
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let token = token(&daemon, &format!("sender {sender}"), json!({"kind": "service"})).await;
        senders.push(tokio::spawn(load(daemon.tcp(), token.secret, sender)));
    }
    let end = async {
        for sender in senders {
            sender.await.unwrap();
        }
        says(&daemon, "human", json!({"session_open": {"title": "the end"}})).await
    };
    let is_last = |event: &Value| event["body"]["session_opened"]["title"] == "the end";
    let (parts, ended) = tokio::join!(read_in_parts::<R>(&daemon, &human, is_last), end);
    assert!(ended["ok"].is_object(), "{ended}");
    let mut whole = Vec::new();
    let mut reader = R::open(&daemon, &human, 0).await;
    while !whole.last().is_some_and(is_last) {
        whole.push(reader.next().await.unwrap());
    }
    check(&parts, &whole);
}

#[tokio::test]
async fn server_sent_events_resume_without_gaps_under_load() {
    resumes::<Sse>().await;
}

#[tokio::test]
async fn the_live_socket_resumes_without_gaps_under_load() {
    resumes::<Live>().await;
}

#[tokio::test]
async fn events_resume_after_the_daemon_was_killed() {
    let mut daemon = daemon();
    let human = daemon.home.token("human");
    let mut stream = Sse::open(&daemon, &human, 0).await;
    let mut live = Live::open(&daemon, &human, 0).await;
    let mut last = 0;
    for number in 0..5 {
        let opened = says(&daemon, "human", json!({"session_open": {"title": format!("session {number}")}})).await;
        let id = opened["ok"]["session"]["id"].clone();
        loop {
            let event = stream.next().await.unwrap();
            assert_eq!(live.next().await.as_ref(), Some(&event));
            let cursor = event["cursor"].as_i64().unwrap();
            assert!(cursor > last, "{event}");
            last = cursor;
            if event["session"] == id {
                break;
            }
        }
        daemon.kill();
        assert_eq!(stream.next().await, None);
        assert_eq!(live.next().await, None);
        daemon.restart();
        stream = Sse::open(&daemon, &human, last).await;
        live = Live::open(&daemon, &human, last).await;
    }
}

#[tokio::test]
async fn a_stream_without_a_cursor_begins_now_and_one_session_can_be_followed() {
    let daemon = daemon();
    let human = daemon.home.token("human");
    says(&daemon, "human", json!({"session_open": {"title": "before"}})).await;
    let mut all = Request::get("/v1/events").token(&human).events(&daemon.tcp()).await;
    let mut agents = Request::get("/v1/events?session=agent").token(&human).events(&daemon.tcp()).await;
    says(&daemon, "human", json!({"session_open": {"title": "after"}})).await;
    let sent = says(&daemon, "human", json!({"notify": {"to": "agent", "text": "x"}})).await;
    assert_eq!(all.next().await.unwrap().data["body"]["session_opened"]["title"], "after");
    let event = agents.next().await.unwrap().data;
    assert_eq!(event["body"]["message_accepted"]["message"], sent["ok"]["accepted"]["message"]);
}
