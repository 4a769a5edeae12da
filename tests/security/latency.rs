//! Small frames are sent at once: an answer over TCP does not wait for the acknowledgement of the one before.

use std::time::{Duration, Instant};

use serde_json::json;
use tieline_tests::{
    daemon::{Daemon, Home},
    http::{Connection, Place, Request},
    socket::Socket,
};

const ROUNDS: usize = 41;
/// Nagle's algorithm with delayed acknowledgements costs 40 ms a round, a hundred times what a round takes.
const RATIO: u32 = 10;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn daemon() -> Daemon {
    Home::new().config("[limits.rates.agent]\nper_second = 100000\nburst = 100000\n").start()
}

/// Two frames come back that the daemon writes one after the other: an outcome and a delivery.
async fn peer_round(place: &Place, secret: &str) -> Duration {
    let (mut peer, welcome) = Socket::attach(place, secret, json!({})).await;
    let mut seq = welcome["cursors"]["msg"].as_u64().unwrap();
    let mut times = Vec::new();
    for corr in 1..=ROUNDS {
        let begun = Instant::now();
        peer.send(&json!({"command": {"corr": corr, "command": {"notify": {"to": "agent", "text": "x"}}}})).await;
        let (mut has_outcome, mut has_delivery) = (false, false);
        while !(has_outcome && has_delivery) {
            let frame = peer.json().await;
            has_outcome |= frame["outcome"]["corr"] == corr;
            has_delivery |= frame["deliver"]["seq"] == seq + 1;
        }
        times.push(begun.elapsed());
        seq += 1;
        peer.send(&json!({"receipt": {"lane": "msg", "through": seq, "state": "delivered"}})).await;
    }
    median(times)
}

async fn http_round(place: &Place, secret: &str) -> Duration {
    let mut connection = Connection::open(place).await;
    let request = Request::get("/v1/whoami").token(secret);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        assert_eq!(connection.send(&request).await.status, 200);
        times.push(begun.elapsed());
    }
    median(times)
}

/// Events are written one by one, without anything that comes back in between.
async fn event_round(daemon: &Daemon, place: &Place, secret: &str) -> Duration {
    let mut stream = Request::get("/v1/events").token(secret).events(place).await;
    let mut sender = Connection::open(&daemon.unix()).await;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let notify = json!({"notify": {"to": "agent", "text": format!("{round}")}});
        for _ in 0..2 {
            assert_eq!(sender.send(&Request::command(&notify).token(secret)).await.status, 200);
        }
        for _ in 0..2 {
            stream.next().await.unwrap();
        }
        times.push(begun.elapsed());
    }
    median(times)
}

fn assert_alike(what: &str, tcp: Duration, unix: Duration) {
    assert!(tcp < unix * RATIO, "{what}: the median over TCP is {tcp:?}, over the Unix socket {unix:?}");
}

#[tokio::test]
async fn small_answers_over_tcp_do_not_wait() {
    let daemon = daemon();
    let secret = daemon.home.token("agent");
    let [tcp, unix] = daemon.places();
    assert_alike("requests", http_round(&tcp, &secret).await, http_round(&unix, &secret).await);
    assert_alike("frames of a peer", peer_round(&tcp, &secret).await, peer_round(&unix, &secret).await);
    let over = async |place: &Place| event_round(&daemon, place, &secret).await;
    assert_alike("events", over(&tcp).await, over(&unix).await);
}
