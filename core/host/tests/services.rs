//! Timers, webhooks and the other services, from a plugin through the contract to whoever listens.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use support::{Bench, Sink, c_plugin, isolation};
use tieline_host::{Denied, Host, Isolation, Kind, NotTaken, State, Step, Ticket, Webhook, Webhooked, limits};

const PATIENCE: Duration = Duration::from_secs(30);

fn request(body: &Value) -> Webhook {
    Webhook {
        method: "POST".to_owned(),
        path: "/hooks/fault".to_owned(),
        query: "a=1".to_owned(),
        headers: r#"[["x-one","1"]]"#.to_owned(),
        principal: r#"{"id":"prn_1"}"#.to_owned(),
        body: Bytes::from(body.to_string()),
    }
}

/// Sends a request and returns what tells of its end.
fn send(host: &Host, body: &Value) -> (Ticket, mpsc::Receiver<Webhooked>) {
    let (told, end) = mpsc::channel();
    let pending = host.webhook("fault", request(body), move |what| drop(told.send(what))).unwrap();
    (pending, end)
}

/// Waits until the plugin has died and runs again.
fn starts_again(bench: &Bench) {
    bench.seen.wait("a restart", |seen| {
        let died = seen.changes.iter().rposition(|status| status.state == State::Restarting)?;
        seen.changes[died..].iter().any(|status| status.state == State::Running).then_some(())
    });
}

/// Sends a request and waits for its end.
fn end(host: &Host, body: &Value) -> Webhooked {
    let (_pending, end) = send(host, body);
    end.recv_timeout(PATIENCE).expect("an end")
}

/// Sends a request and waits for its answer, which is JSON.
fn ask(host: &Host, body: &Value) -> Value {
    match end(host, body) {
        Webhooked::Answered { status: 200, content_type, body } if content_type == "application/json" => {
            serde_json::from_slice(&body).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_webhook_request_reaches_the_plugin_as_it_came_and_its_answer_comes_back() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let paths = ["/hooks/fault", "/hooks/fault/other"].map(|path| (path.to_owned(), "fault".to_owned()));
    assert_eq!(host.webhooks(), paths);
    let seen = ask(&host, &json!({"text": "hello"}));
    let wanted = json!({
        "method": "POST", "path": "/hooks/fault", "query": "a=1", "headers": [["x-one", "1"]],
        "principal": {"id": "prn_1"}, "body": r#"{"text":"hello"}"#,
    });
    assert_eq!(seen, wanted);
    assert_eq!(
        end(&host, &json!({"do": "status", "status": 404})),
        Webhooked::Answered {
            status: 404,
            content_type: "text/plain; charset=utf-8".to_owned(),
            body: Bytes::from_static(b"as asked"),
        }
    );
    assert!(matches!(end(&host, &json!({"do": "drop"})), Webhooked::Answered { status: 500, .. }));
}

#[test]
fn an_answer_that_makes_no_sense_is_told_as_such() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let Webhooked::Nonsense(why) = end(&host, &json!({"do": "nonsense"})) else { panic!() };
    assert!(why.contains("99"), "{why}");
    assert_eq!(host.status()[0].state, State::Running);
}

#[test]
fn whoever_waits_is_told_when_the_plugin_dies_hangs_or_stops() {
    let mut bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let (_waits, kept) = send(&host, &json!({"do": "never"}));
    assert_eq!(end(&host, &json!({"do": "panic"})), Webhooked::Lost);
    assert_eq!(kept.recv_timeout(PATIENCE), Ok(Webhooked::Lost), "and so is whoever waited before");
    let status =
        bench.seen.wait("the death", |seen| seen.changes.iter().find(|s| s.state == State::Restarting).cloned());
    assert_eq!(status.step, Some(Step::Webhook));
    assert!(status.reason.unwrap().contains("the request asks for a panic in webhook"));
    starts_again(&bench);

    let (_waits, kept) = send(&host, &json!({"do": "never"}));
    host.stop_all();
    assert_eq!(kept.recv_timeout(PATIENCE), Ok(Webhooked::Lost));
    let refused = host.webhook("fault", request(&json!({})), |_| panic!("it was not taken"));
    assert_eq!(refused.map(drop), Err(NotTaken::Nobody));

    bench.settings.call_limit = Duration::from_millis(200);
    let host = bench.run();
    assert_eq!(end(&host, &json!({"do": "hang"})), Webhooked::Lost);
    // A process is killed and started again; a thread can only be left behind.
    let state = if isolation() == Isolation::Process { State::Restarting } else { State::Quarantined };
    assert_eq!(bench.wait_for(&host, state).step, Some(Step::Webhook));
}

#[test]
fn the_number_of_requests_that_wait_is_limited_and_whoever_goes_makes_room() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let mut all: Vec<_> = (0..limits::WEBHOOKS).map(|_| send(&host, &json!({"do": "never"}))).collect();
    let more = || host.webhook("fault", request(&json!({})), drop);
    assert_eq!(more().map(drop), Err(NotTaken::Busy));
    drop(all.pop());
    assert!(more().is_ok());
}

#[test]
fn a_timer_calls_the_plugin_once_and_not_too_early() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let begun = Instant::now();
    let (_late, late) = send(&host, &json!({"do": "timer", "id": 7, "ms": 60}));
    let (_soon, soon) = send(&host, &json!({"do": "timer", "id": 8, "ms": 1}));
    assert!(matches!(soon.recv_timeout(PATIENCE), Ok(Webhooked::Answered { status: 200, .. })));
    assert!(matches!(late.recv_timeout(PATIENCE), Ok(Webhooked::Answered { status: 200, .. })));
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let fired = |seen: &mut support::Seen| seen.inbound.iter().filter(|m| m.1 == Kind::Command && m.2 == 10).count();
    bench.seen.wait("both", |seen| (fired(seen) == 2).then_some(()));
    // One after it shows that neither comes again.
    let (_next, next) = send(&host, &json!({"do": "timer", "id": 9, "ms": 100}));
    next.recv_timeout(PATIENCE).unwrap();
    bench.seen.wait("the third", |seen| (fired(seen) == 3).then_some(()));
}

#[test]
fn timers_end_with_their_instance() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let (_late, late) = send(&host, &json!({"do": "timer", "id": 7, "ms": 100}));
    end(&host, &json!({"do": "panic"}));
    assert_eq!(late.recv_timeout(PATIENCE), Ok(Webhooked::Lost));
    starts_again(&bench);
    // The one of the next life comes later than the other would have.
    ask(&host, &json!({"do": "timer", "id": 8, "ms": 150}));
    let timers = |m: &&(u64, Kind, u64, Vec<u8>)| m.1 == Kind::Command && m.2 == 10;
    let first = bench.seen.wait("a timer", |seen| seen.inbound.iter().find(timers).cloned());
    assert_eq!(String::from_utf8_lossy(&first.3), r#"{"timer":8}"#);
}

#[test]
fn values_secrets_and_metrics_pass_with_the_name_of_the_plugin() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let kv = |what: &str, key: &str| ask(&host, &json!({"do": what, "key": key, "value": "x", "times": 5000}));
    assert_eq!(kv("kv-get", "a"), json!({"ok": null}));
    assert_eq!(kv("kv-put", "a"), json!({"ok": "stored"}));
    assert_eq!(kv("kv-put", "a/b"), json!({"ok": "stored"}));
    assert_eq!(kv("kv-get", "a"), json!({"ok": "x".repeat(5000)}), "longer than a first read");
    assert_eq!(kv("kv-keys", "a/"), json!({"ok": ["a/b"]}));
    assert_eq!(kv("kv-keys", ""), json!({"ok": ["a", "a/b"]}));
    assert_eq!(kv("kv-delete", "a"), json!({"ok": true}));
    assert_eq!(kv("kv-delete", "a"), json!({"ok": false}));
    assert!(bench.seen.seen().kv.keys().all(|(plugin, _)| plugin == "fault"));

    assert_eq!(ask(&host, &json!({"do": "secret", "key": "api-key"})), json!({"ok": "the api-key of fault"}));
    assert_eq!(ask(&host, &json!({"do": "counter", "key": "hits", "value": 2.5})), json!({"ok": "added"}));
    assert_eq!(ask(&host, &json!({"do": "gauge", "key": "level", "value": -1, "room": "a"})), json!({"ok": "set"}));
    let room = |room: &str| [("room".to_owned(), room.to_owned())].into();
    let wanted = [(true, "hits".to_owned(), 2.5, room("none")), (false, "level".to_owned(), -1.0, room("a"))];
    assert_eq!(bench.seen.seen().metrics, wanted);
}

#[test]
fn a_service_can_be_used_within_a_call() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", (1..=20).map(|corr| support::wish(1, corr, "keep-value")).collect());
    bench.seen.wait("all answers", |seen| (seen.completed.len() == 20).then_some(()));
    assert!(bench.seen.seen().completed.iter().all(|completed| completed.4 == "Ok(Some(7))"));
}

#[test]
fn what_makes_no_sense_is_refused_before_anyone_hears_of_it() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let long = "k".repeat(limits::KEY_BYTES + 1);
    for (wish, wanted) in [
        (json!({"do": "kv-put", "key": ""}), "Invalid"),
        (json!({"do": "kv-get", "key": long}), "Invalid"),
        (json!({"do": "kv-put", "key": "a", "value": "x", "times": limits::VALUE_BYTES + 1}), "TooLarge"),
        (json!({"do": "secret", "key": "../other/key"}), "Invalid"),
        (json!({"do": "counter", "key": "hits", "value": -1}), "Invalid"),
        (json!({"do": "gauge", "key": "Level"}), "Invalid"),
        (json!({"do": "gauge", "key": "level", "room": "x".repeat(200)}), "Invalid"),
    ] {
        assert_eq!(ask(&host, &wish), json!({"error": wanted}), "{wish}");
    }
    let seen = bench.seen.seen();
    assert!(seen.kv.is_empty() && seen.metrics.is_empty());
}

#[test]
fn a_service_that_does_not_work_says_how() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    for (denied, wanted) in [
        (Denied::TooLarge, "TooLarge"),
        (Denied::Failed, "Failed"),
        (Denied::Closed, "Closed"),
        (Denied::Invalid, "Invalid"),
    ] {
        bench.seen.seen().denied = Some(denied);
        for what in ["kv-get", "kv-put", "kv-delete", "kv-keys", "secret", "counter"] {
            if what == "counter" && isolation() == Isolation::Process {
                // Nobody waits for what comes of a metric there.
                continue;
            }
            assert_eq!(ask(&host, &json!({"do": what, "key": "a"})), json!({"error": wanted}), "{what}");
        }
    }
}

#[test]
fn a_plugin_learns_who_is_behind_its_own_links_only() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let opened = Bytes::from_static(br#"{"path":"/fault","principal":{"id":"prn_1"}}"#);
    assert!(host.socket_opened("fault", 5, opened, Arc::new(Sink(bench.seen.clone()))));
    let who = |link: u64| ask(&host, &json!({"do": "principal", "link": link}));
    assert_eq!(who(5), json!({"ok": {"name": "fault", "link": 5}}));
    assert_eq!(who(6), json!({"ok": null}));
    host.socket_closed(5, None);
    assert_eq!(who(5), json!({"ok": null}));
    // A link of its own numbering is known to whoever listens alone.
    assert_eq!(who(1 << 63), json!({"ok": {"name": "fault", "link": 1u64 << 63}}));
}

#[test]
fn webhooks_without_the_function_and_paths_of_others_are_refused() {
    for (manifest, says) in [
        (r#"{"name":"c","version":"1","webhooks":["/hooks/c"]}"#, "has no `webhook`"),
        (r#"{"name":"c","version":"1","webhooks":["hooks"]}"#, "the manifest's path"),
        (r#"{"name":"c","version":"1","sockets":["/v1/c"]}"#, "below `/v1`"),
        (r#"{"name":"c","version":"1","sockets":["/healthz"]}"#, "the daemon's own"),
    ] {
        let bench = Bench::new();
        bench.compile("c", &c_plugin(&format!("#define MANIFEST {manifest:?}")));
        let (_host, status) = bench.load();
        assert_eq!((status.state, status.step), (State::Failed, Some(Step::Manifest)), "{status:?}");
        assert!(status.reason.as_ref().unwrap().contains(says), "{status:?}");
    }
    let bench = Bench::with_fault(json!({}));
    bench.compile(
        "c",
        &c_plugin(r#"#define MANIFEST "{\"name\":\"c\",\"version\":\"1\",\"sockets\":[\"/hooks/fault\"]}""#),
    );
    let host = bench.host();
    host.load_all();
    let states: Vec<_> = host.status().into_iter().map(|status| (status.state, status.reason)).collect();
    // By file name: the plugin in C came first.
    assert_eq!(states[0], (State::Running, None));
    assert!(states[1].1.as_ref().unwrap().contains("`/hooks/fault` is held by `c` already"), "{states:?}");
}
