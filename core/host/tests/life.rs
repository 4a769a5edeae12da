//! Panics and hangs end an instance or a plugin, never the daemon.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Bench, wish};
use tieline_host::{State, Step};

#[test]
fn a_panic_in_start_is_tried_again_until_it_is_too_often() {
    let bench = Bench::with_fault(json!({"start": "panic"}));
    let (host, _) = bench.load();
    let status = bench.wait_for(&host, State::Quarantined);
    assert_eq!(status.step, Some(Step::Start));
    let reason = status.reason.unwrap();
    assert!(reason.contains("the configuration asks for a panic in start") && reason.contains("5 times"), "{reason}");
    let seen = bench.seen.seen();
    assert_eq!(seen.changes.iter().filter(|status| status.state == State::Restarting).count(), 4);
    assert_eq!(seen.lost, 5);
    assert!(!bench.settings.markers_dir.join("fault.loading").exists(), "a panic is no crash");
}

#[test]
fn a_panic_in_deliver_answers_everything_and_a_new_instance_goes_on() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "keep"), wish(1, 2, "nothing"), wish(1, 3, "panic"), wish(1, 4, "nothing")]);
    bench.seen.wait("the loss", |seen| (seen.lost == 1).then_some(()));
    let mut completed: Vec<_> = bench.seen.seen().completed.iter().map(|c| (c.2, c.3)).collect();
    completed.sort_unstable();
    assert_eq!(completed, [(1, false), (2, true), (3, false), (4, false)]);
    bench.seen.wait("it runs again", |seen| {
        let states: Vec<_> = seen.changes.iter().map(|status| (status.state, status.step)).collect();
        (states == [(State::Running, None), (State::Restarting, Some(Step::Deliver)), (State::Running, None)])
            .then_some(())
    });
    let reason = bench.seen.seen().changes[1].reason.clone().unwrap();
    assert!(reason.contains("the message asks for a panic in deliver") && reason.contains("lib.rs:"), "{reason}");

    host.deliver("fault", vec![wish(1, 5, "nothing")]);
    bench.seen.wait("an answer", |seen| seen.completed.iter().any(|c| c.2 == 5 && c.3).then_some(()));
}

#[test]
fn a_panic_on_a_socket_closes_the_sockets() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let sink = std::sync::Arc::new(support::Sink(bench.seen.clone()));
    let opened = bytes::Bytes::from_static(br#"{"path":"/fault","principal":{}}"#);
    assert!(host.socket_opened("fault", 9, opened, sink));
    // A message in the same turn is answered too, and so is one of the turn before.
    host.deliver("fault", vec![wish(9, 1, "keep")]);
    host.socket_frames(9, vec![(true, "panic".into())]);
    bench.seen.wait("the loss", |seen| (seen.lost == 1).then_some(()));
    let seen = bench.seen.seen();
    assert_eq!(seen.closed.len(), 1);
    assert_eq!(seen.closed[0].0, 1012);
    drop(seen);
    bench.seen.wait("the answer", |seen| seen.completed.iter().find(|c| c.2 == 1).map(|_| ()));
    assert!(!host.socket_frames(9, vec![(true, "x".into())]), "the socket is gone");
    host.socket_closed(9, None);
}

#[test]
fn a_thread_that_reports_a_fault_ends_the_instance() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "fault-later")]);
    bench.seen.wait("the restart", |seen| {
        seen.changes.iter().find(|status| status.step == Some(Step::Thread)).map(|status| {
            assert_eq!(status.reason.as_deref(), Some("a thread of it has failed"));
        })
    });
    bench.seen.wait("it runs again", |seen| {
        (seen.changes.iter().filter(|status| status.state == State::Running).count() == 2).then_some(())
    });
}

#[test]
fn a_restart_that_fails_counts_as_a_death() {
    let bench = Bench::with_fault(json!({"start": "panic-again"}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "panic")]);
    let status = bench.wait_for(&host, State::Quarantined);
    assert_eq!(status.step, Some(Step::Start));
}

#[test]
fn a_plugin_in_its_pause_stops_at_once() {
    let mut bench = Bench::with_fault(json!({"start": "panic"}));
    bench.limits.backoff_first = Duration::from_secs(3600);
    let (host, status) = bench.load();
    assert_eq!(status.state, State::Restarting);
    host.stop_all();
    assert_eq!(host.status()[0].state, State::Stopped);
}

/// A call that does not return: the plugin is left alone, its messages are answered, and the host goes on.
fn hangs(config: serde_json::Value, payload: Option<&str>, step: Step) {
    let mut bench = Bench::with_fault(config);
    bench.settings.call_limit = Duration::from_secs(1);
    let (host, _) = bench.load();
    if let Some(payload) = payload {
        host.deliver("fault", vec![wish(1, 1, "keep"), wish(1, 2, payload)]);
    }
    let status = bench.wait_for(&host, State::Quarantined);
    assert_eq!(status.step, Some(step));
    assert!(status.reason.unwrap().contains("did not return within 1s"));
    if payload.is_some() {
        let seen = bench.seen.seen();
        assert_eq!(seen.completed.iter().map(|c| (c.2, c.3)).collect::<Vec<_>>(), [(1, false), (2, false)]);
        assert_eq!(seen.lost, 1);
    }
    assert_eq!(host.deliver("fault", vec![wish(1, 3, "nothing")]).len(), 1, "nobody takes it any more");
    assert!(!bench.settings.markers_dir.join("fault.loading").exists());
    let begun = Instant::now();
    host.stop_all();
    assert!(begun.elapsed() < Duration::from_secs(1), "there is nothing to wait for");
    assert_eq!(host.status()[0].state, State::Quarantined);
}

#[test]
fn a_hang_in_deliver_is_left_behind() {
    hangs(json!({}), Some("hang"), Step::Deliver);
}

#[test]
fn a_hang_in_start_is_left_behind() {
    hangs(json!({"start": "hang"}), None, Step::Start);
}

#[test]
fn a_hang_in_stop_is_left_behind_within_the_limit() {
    let mut bench = Bench::with_fault(json!({"stop": "hang"}));
    bench.settings.stop_limit = Duration::from_millis(500);
    let host = bench.run();
    let begun = Instant::now();
    host.stop_all();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let status = &host.status()[0];
    assert_eq!((status.state, status.step), (State::Quarantined, Some(Step::Stop)), "{status:?}");
    assert_eq!(bench.seen.seen().lost, 1);
}

#[test]
fn a_dead_instance_that_hangs_in_its_stop_is_left_behind() {
    let mut bench = Bench::with_fault(json!({"stop": "hang"}));
    bench.settings.call_limit = Duration::from_secs(1);
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "panic")]);
    let status = bench.wait_for(&host, State::Quarantined);
    assert_eq!(status.step, Some(Step::Stop));
    let seen = bench.seen.seen();
    assert_eq!((seen.lost, seen.completed.len()), (1, 1));
}

#[test]
fn a_panic_in_stop_is_a_stop() {
    let bench = Bench::with_fault(json!({"stop": "panic"}));
    let host = bench.run();
    host.stop_all();
    assert_eq!(host.status()[0].state, State::Stopped);
    assert_eq!(bench.seen.seen().lost, 1);
}

#[test]
fn what_waits_is_delivered_before_the_stop_and_what_is_open_is_answered() {
    let bench = Bench::with_fault(json!({"stop": "say"}));
    let host = bench.run();
    let mut messages: Vec<_> = (0..600).map(|corr| wish(1, corr, "nothing")).collect();
    messages.push(wish(1, 1000, "keep"));
    assert!(host.deliver("fault", messages).is_empty());
    host.stop_all();
    let seen = bench.seen.seen();
    assert_eq!(seen.completed.iter().filter(|c| c.3).count(), 600);
    assert_eq!(seen.completed.iter().filter(|c| !c.3).map(|c| c.2).collect::<Vec<_>>(), [1000]);
    let stopping = seen.logs.iter().find(|(_, fields)| fields["message"] == "stopping");
    assert!(stopping.is_some_and(|(level, fields)| *level == tracing::Level::WARN && fields["deadline_ms"].is_u64()));
}

#[test]
fn the_instance_is_destroyed_and_the_library_is_kept() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "panic")]);
    bench.seen.wait("the second life", |seen| {
        // The counters are statics of the library: they live on.
        seen.logs.iter().find(|(_, f)| f["started"] == 2 && f["destroyed"] == 1).map(|_| ())
    });
    host.stop_all();
    bench.seen.wait("the end", |seen| seen.logs.iter().find(|(_, f)| f["destroyed"] == 2).map(|_| ()));
    #[cfg(target_os = "linux")]
    {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains(bench.staged()[0].to_str().unwrap()), "the library is still mapped");
    }
}

#[test]
fn dropping_the_host_stops_its_plugins() {
    let bench = Bench::with_fault(json!({}));
    drop(bench.run());
    assert_eq!(bench.seen.seen().changes.last().unwrap().state, State::Stopped);
}
