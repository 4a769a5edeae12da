//! Messages and sockets, in both directions, with and without room.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use support::{Bench, Sink, c_plugin, delivery, wish};
use tieline_host::{Kind, Outbound, State};

fn opened() -> Bytes {
    Bytes::from_static(br#"{"path":"/fault","principal":{"id":"prn_1"}}"#)
}

#[test]
fn every_answer_comes_with_the_message_that_it_is_for() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let outcome = Outbound { link: 4, kind: Kind::Outcome, corr: 40, payload: Bytes::from_static(b"{}") };
    host.deliver("fault", vec![wish(1, 10, "nothing"), wish(2, 20, "fail"), wish(3, 30, "close"), outcome]);
    bench.seen.wait("four answers", |seen| (seen.completed.len() == 4).then_some(()));
    let text = |s: &str| s.to_owned();
    assert_eq!(
        bench.seen.seen().completed,
        [
            (1, Kind::Delivery, 10, true, text("")),
            (2, Kind::Delivery, 20, false, text("the message asks for a failure")),
            (3, Kind::Delivery, 30, false, text("the link is gone")),
            (4, Kind::Outcome, 40, true, text("")),
        ]
    );
    assert_eq!(host.deliver("no such plugin", vec![wish(1, 1, "nothing")]).len(), 1);
}

#[test]
fn a_full_queue_gives_deliveries_back_and_says_when_there_is_room() {
    let mut bench = Bench::with_fault(json!({}));
    bench.limits.queue_messages = 8;
    let host = bench.run();
    // The plugin has no room, so everything stays in the queue.
    assert!(host.deliver("fault", vec![wish(1, 0, "no-room")]).is_empty());
    let back = host.deliver("fault", (1..=20).map(|corr| wish(1, corr, "nothing")).collect());
    assert_eq!(back.iter().map(|m| m.corr).collect::<Vec<_>>(), (8..=20).collect::<Vec<_>>());
    let outcome = Outbound { link: 1, kind: Kind::Outcome, corr: 99, payload: Bytes::from_static(b"{}") };
    assert!(host.deliver("fault", vec![outcome]).is_empty(), "other kinds are always taken");
    assert_eq!(bench.seen.seen().completed, []);
    host.stop_all();
    let seen = bench.seen.seen();
    assert_eq!(seen.completed.len(), 9, "what was taken is answered");
    assert!(seen.completed.iter().all(|c| !c.3));
}

#[test]
fn room_is_announced_after_deliveries_were_given_back() {
    let mut bench = Bench::with_fault(json!({}));
    bench.limits.queue_messages = 4;
    let host = bench.run();
    let mut rest: Vec<Outbound> = (0..1000).map(|corr| wish(1, corr, "nothing")).collect();
    while !rest.is_empty() {
        let before = bench.seen.seen().writable;
        rest = host.deliver("fault", rest);
        if !rest.is_empty() {
            bench.seen.wait("room", |seen| (seen.writable > before).then_some(()));
        }
    }
    bench.seen.wait("all answers", |seen| (seen.completed.len() == 1000).then_some(()));
    let order: Vec<u64> = bench.seen.seen().completed.iter().map(|c| c.2).collect();
    assert_eq!(order, (0..1000).collect::<Vec<_>>());
}

#[test]
fn large_deliveries_are_limited_by_their_bytes() {
    let mut bench = Bench::with_fault(json!({}));
    bench.limits.queue_bytes = 10_000;
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 0, "no-room")]);
    let large = |corr| delivery(1, corr, json!({"text": "x".repeat(4000)}));
    let back = host.deliver("fault", (1..=5).map(large).collect());
    assert_eq!(back.iter().map(|m| m.corr).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn a_socket_is_heard_and_answered_in_order() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    assert!(host.socket_opened("fault", 5, opened(), Arc::new(Sink(bench.seen.clone()))));
    let frames = (0..1000).map(|i| (true, Bytes::from(i.to_string()))).chain([(false, Bytes::from_static(b"\xff"))]);
    assert!(host.socket_frames(5, frames.collect()));
    host.socket_closed(5, Some(1000));
    bench.seen.wait("the end", |seen| seen.inbound.iter().find(|m| m.1 == Kind::LinkDown).map(|_| ()));
    let seen = bench.seen.seen();
    assert_eq!(seen.inbound.len(), 1002);
    assert_eq!(seen.inbound[0].3, br#"{"opened":"/fault","principal":{"id":"prn_1"}}"#);
    let frame = |i: usize| json!({ "frame": i.to_string() }).to_string();
    assert!(seen.inbound[1..1001].iter().enumerate().all(|(i, m)| m.3 == frame(i).as_bytes() && m.0 == 5));
    assert_eq!(seen.inbound[1001].3, br#"{"closed":1000}"#);
    // The socket may be forgotten before all of its echoes are out; those that are, are in order.
    assert!(seen.sent.iter().filter(|(is_text, _)| *is_text).enumerate().all(|(i, s)| s.1 == i.to_string()));
    assert!(seen.batches.iter().any(|&n| n > 1), "what comes during a call is one batch");
}

#[test]
fn a_socket_of_nobody_is_refused() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let sink = Arc::new(Sink(bench.seen.clone()));
    assert!(!host.socket_opened("no such plugin", 5, opened(), sink.clone()));
    assert!(!host.socket_frames(5, vec![(true, Bytes::new())]));
    host.socket_closed(5, None);
    host.stop_all();
    assert!(!host.socket_opened("fault", 5, opened(), sink));
}

#[test]
fn a_socket_that_is_never_read_is_closed_and_the_others_live() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.call_limit = std::time::Duration::from_secs(60);
    let host = bench.run();
    for socket in [5, 6] {
        assert!(host.socket_opened("fault", socket, opened(), Arc::new(Sink(bench.seen.clone()))));
    }
    let flood = vec![(true, Bytes::from(vec![b'x'; 9 << 20]))];
    assert!(!host.socket_frames(5, flood));
    assert_eq!(bench.seen.seen().closed[0].0, 1013);
    assert!(host.socket_frames(6, vec![(true, Bytes::from_static(b"here"))]));
    bench.seen.wait("the echo", |seen| seen.sent.iter().find(|s| s.1 == "here").map(|_| ()));
}

#[test]
fn the_plugin_closes_its_sockets() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.socket_opened("fault", 5, opened(), Arc::new(Sink(bench.seen.clone())));
    host.socket_frames(5, vec![(true, Bytes::from_static(b"close"))]);
    bench.seen.wait("the close", |seen| (seen.closed == [(4000, "as you like".to_owned())]).then_some(()));
}

#[test]
fn garbage_from_a_plugin_passes_unread() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "garbage")]);
    bench.seen.wait("three messages", |seen| (seen.inbound.len() == 3).then_some(()));
    let seen = bench.seen.seen();
    assert!(seen.inbound.iter().all(|m| m.2 == 7 && m.3 == b"\xff{not json"));
    assert_eq!(host.status()[0].state, State::Running);
}

#[test]
fn a_plugin_waits_for_room_and_is_told_when_there_is() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    bench.seen.room(Some(10));
    // Collected during the call up to the limit; ten of them are taken after it.
    host.deliver("fault", vec![delivery(1, 1, json!({"do": "flood", "n": 2000}))]);
    bench.seen.wait("ten", |seen| (seen.inbound.len() == 10).then_some(()));
    bench.seen.wait("the answer", |seen| seen.completed.iter().find(|c| c.4 == "1024 were taken").map(|_| ()));
    bench.seen.room(None);
    host.resume("fault");
    bench.seen.wait("the rest, and a plugin that goes on", |seen| {
        seen.inbound.last().is_some_and(|m| m.3 == br#"{"resumed":true}"#).then_some(())
    });
    let corrs: Vec<u64> = bench.seen.seen().inbound.iter().map(|m| m.2).collect();
    assert_eq!(corrs, (1000..2024).chain([9]).collect::<Vec<_>>());
}

#[test]
fn a_thread_of_the_plugin_is_heard_too() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(3, 1, "command-later")]);
    bench.seen.wait("the command", |seen| seen.inbound.iter().find(|m| m.3 == br#"{"later":true}"#).map(|_| ()));
    bench.seen.room(Some(0));
    host.deliver("fault", vec![wish(3, 2, "command-later")]);
    bench.seen.wait("the refusal", |seen| (seen.batches.last() == Some(&0)).then_some(()));
    bench.seen.room(None);
    host.resume("fault");
    // Either the plugin was refused and is told to go on, or the host kept the message and passes it on now: that
    // depends on whether the call of the driver was over. Nothing is lost in either case.
    bench.seen.wait("it goes on", |seen| {
        let resumed = seen.inbound.iter().any(|m| m.3 == br#"{"resumed":true}"#);
        let kept = seen.inbound.iter().filter(|m| m.3 == br#"{"later":true}"#).count() == 2;
        (resumed || kept).then_some(())
    });
}

#[test]
fn a_plugin_that_answers_too_much_or_counts_wrong_does_no_harm() {
    for change in ["", "#define ACCEPTED 77777", "#define ACCEPTED 0\n#define STATUS TIELINE_WOULD_BLOCK"] {
        let bench = Bench::new();
        bench.compile("c", &c_plugin(change));
        let host = bench.run();
        host.deliver("c", (0..10).map(|corr| wish(1, corr, "nothing")).collect());
        bench.seen.wait("ten answers", |seen| (seen.completed.len() == 10).then_some(()));
        host.deliver("c", (10..20).map(|corr| wish(1, corr, "nothing")).collect());
        bench.seen.wait("ten more", |seen| (seen.completed.len() == 20).then_some(()));
        host.stop_all();
        let seen = bench.seen.seen();
        assert_eq!(seen.completed.iter().map(|c| c.2).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        assert!(seen.completed.iter().all(|c| c.3));
    }
}

#[test]
fn impossible_arguments_are_refused() {
    let bench = Bench::new();
    bench.compile("c", &c_plugin(""));
    let host = bench.run();
    host.socket_opened("c", 1, opened(), Arc::new(Sink(bench.seen.clone())));
    bench.seen.wait("the verdict", |seen| {
        seen.inbound.first().map(|m| assert_eq!(String::from_utf8_lossy(&m.3), r#"{"ok":true}"#))
    });
}

#[test]
fn what_a_plugin_logs_is_heard_with_its_fields() {
    let bench = Bench::with_fault(json!({}));
    let _host = bench.run();
    let has_started = |(level, fields): &(_, serde_json::Value)| {
        *level == tracing::Level::INFO && fields["message"] == "fault has started" && fields["started"] == 1
    };
    assert!(bench.seen.seen().logs.iter().any(has_started));
}
