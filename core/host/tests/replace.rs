//! A file takes another's place, or does not, wherever the plugin runs.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, sync::Arc};

use bytes::Bytes;
use serde_json::json;
use support::{Bench, Sink, c_plugin, hash, version, wish};
use tieline_host::{Host, State, Status, Step};

/// A plugin in C whose `start` does this.
fn starting(body: &str) -> String {
    let start = format!("static int32_t own_start(void *i) {{ (void)i; {body} }}");
    c_plugin(&format!("#include <stdint.h>\n#include <unistd.h>\n{start}\n#define START own_start"))
}

/// A host with the plugin in C.
fn with_c() -> (Bench, Arc<Host>) {
    let bench = Bench::new();
    bench.compile("c", &c_plugin(""));
    let host = bench.run();
    (bench, host)
}

fn only(host: &Host) -> Status {
    let mut status = host.status();
    assert_eq!(status.len(), 1, "{status:?}");
    status.remove(0)
}

fn states(bench: &Bench) -> Vec<(State, bool)> {
    bench.seen.seen().changes.iter().map(|status| (status.state, status.pending.is_some())).collect()
}

/// What runs goes on as if nothing had happened, and says why.
fn goes_on(bench: &Bench, host: &Host, step: Step, says: &str) {
    host.load_all();
    let status = only(host);
    assert_eq!((status.state, status.reloads), (State::Running, 0), "{status:?}");
    let pending = status.pending.unwrap();
    assert!(pending.step == step && pending.reason.contains(says), "{pending:?}");
    assert_ne!(pending.hash, status.hash);
    assert_eq!(bench.seen.seen().lost, 0);
    // It is said once.
    let before = states(bench).len();
    host.load_all();
    assert_eq!(states(bench).len(), before);
}

#[test]
fn a_new_file_takes_the_place_of_what_runs() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let opened = Bytes::from_static(br#"{"path":"/fault","principal":{}}"#);
    assert!(host.socket_opened("fault", 9, opened, Arc::new(Sink(bench.seen.clone()))));
    let mut messages: Vec<_> = (0..600).map(|corr| wish(1, corr, "nothing")).collect();
    messages.push(wish(1, 1000, "keep"));
    assert!(host.deliver("fault", messages).is_empty());

    bench.put("libfault.so", &version(1));
    host.load_all();
    let status = only(&host);
    assert_eq!((status.state, status.hash, status.reloads), (State::Running, Some(hash(&version(1))), 1));
    assert!(status.swap_gap_us.is_some_and(|gap| gap > 0 && gap < 5_000_000), "{:?}", status.swap_gap_us);
    let seen = bench.seen.seen();
    assert_eq!(seen.completed.iter().filter(|c| c.3).count(), 600, "what waited was handed over");
    assert_eq!(seen.completed.iter().filter(|c| !c.3).map(|c| c.2).collect::<Vec<_>>(), [1000]);
    assert_eq!(seen.closed, [(1012, "the transport is replaced; connect again".to_owned())]);
    assert_eq!(seen.lost, 1);
    let reasons: Vec<_> = seen.changes.iter().map(|status| (status.state, status.reason.as_deref())).collect();
    let stopped = (State::Stopped, Some("another takes its place"));
    assert_eq!(reasons, [(State::Running, None), stopped, (State::Running, None)]);
    // Another file is another library: its counters begin anew.
    assert_eq!(seen.logs.iter().filter(|(_, fields)| fields["started"] == 1).count(), 2);
    drop(seen);
    assert!(host.deliver("fault", vec![wish(1, 2000, "nothing")]).is_empty());
    bench.seen.wait("an answer", |seen| seen.completed.iter().find(|c| c.2 == 2000).map(|c| assert!(c.3)));
    // The copy of the first one is gone.
    assert_eq!(bench.staged().len(), 1);
}

#[test]
fn what_is_no_plugin_leaves_the_one_before_running() {
    let (bench, host) = with_c();
    let whole = fs::read(bench.path("libc.so")).unwrap();
    fs::write(bench.path("libc.so"), "these are notes\n").unwrap();
    goes_on(&bench, &host, Step::Elf, "not a library");
    bench.put("libc.so", &whole);
    host.load_all();
    assert_eq!((only(&host).pending, bench.seen.seen().lost), (None, 0));

    bench.compile("c", &c_plugin("#define MAJOR 2\n#define MINOR 7"));
    goes_on(&bench, &host, Step::Version, "2.7");
    bench.compile("c", &c_plugin("__attribute__((constructor)) static void c(void) { *(volatile int *)8 = 1; }"));
    goes_on(&bench, &host, Step::Probe, "signal 11");
    bench.compile("c", &c_plugin("#define MANIFEST \"{}\""));
    goes_on(&bench, &host, Step::Manifest, "cannot be read");
}

#[test]
fn what_refuses_to_start_is_followed_by_the_one_before() {
    let (bench, host) = with_c();
    let before = only(&host);
    bench.compile("c", &starting("return TIELINE_FAILED;").replace("TIELINE_FAILED", "3"));
    host.load_all();
    let status = only(&host);
    assert_eq!((status.state, &status.hash), (State::Running, &before.hash), "{status:?}");
    let pending = status.pending.unwrap();
    assert!(pending.step == Step::Start && pending.reason.contains("status 3"), "{pending:?}");
    assert_eq!(pending.hash, Some(hash(&fs::read(bench.path("libc.so")).unwrap())));
    assert!(host.deliver("c", vec![wish(1, 1, "nothing")]).is_empty());
    // The same is not tried again and again.
    let lost = bench.seen.seen().lost;
    host.load_all();
    assert_eq!(bench.seen.seen().lost, lost);
    // A better one is taken.
    bench.compile("c", &c_plugin("#define UNUSED 1\nint better;"));
    host.load_all();
    assert_eq!((only(&host).state, only(&host).pending), (State::Running, None));
    assert_ne!(only(&host).hash, before.hash);
}

#[test]
fn a_file_that_was_only_touched_or_copied_again_changes_nothing() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    bench.put("libfault.so", &version(0));
    host.load_all();
    assert_eq!((only(&host).reloads, states(&bench)), (0, vec![(State::Running, false)]));
}

#[test]
fn what_is_removed_is_stopped_and_leaves_the_list() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    assert!(host.logs("fault", 10).is_some());
    fs::remove_file(bench.path("libfault.so")).unwrap();
    host.load_all();
    assert_eq!((host.status(), bench.seen.seen().lost), (vec![], 1));
    assert_eq!((host.mounted("/fault"), host.logs("fault", 10)), (None, None));
    let last = bench.seen.seen().changes.last().unwrap().clone();
    assert_eq!((last.state, last.reason.as_deref()), (State::Stopped, Some("its file was removed")));
    // Also of one that did not run.
    bench.put("libfault.so", b"notes");
    host.load_all();
    fs::remove_file(bench.path("libfault.so")).unwrap();
    host.load_all();
    assert_eq!(host.status(), []);
    let last = bench.seen.seen().changes.last().unwrap().clone();
    assert_eq!((last.state, last.reason.as_deref()), (State::Stopped, Some("its file was removed")));
}

#[test]
fn another_name_for_the_file_changes_nothing_else() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    fs::rename(bench.path("libfault.so"), bench.path("libother.so")).unwrap();
    host.load_all();
    let status = only(&host);
    assert_eq!((status.file.as_str(), status.state, status.reloads), ("libother.so", State::Running, 0));
    assert_eq!(bench.seen.seen().lost, 0);
    bench.put("libother.so", &version(1));
    host.load_all();
    assert_eq!((only(&host).state, only(&host).reloads), (State::Running, 1));
    // Also over a file that was there.
    bench.put("libnotes.so", b"notes");
    host.load_all();
    fs::rename(bench.path("libother.so"), bench.path("libnotes.so")).unwrap();
    host.load_all();
    let status = only(&host);
    assert_eq!((status.file.as_str(), status.state, status.reloads), ("libnotes.so", State::Running, 1));
}

#[test]
fn a_later_version_under_another_name_takes_the_place_of_the_one_that_is_gone() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    fs::remove_file(bench.path("libfault.so")).unwrap();
    bench.put("libfault-2.so", &version(2));
    host.load_all();
    let status = only(&host);
    assert_eq!((status.file.as_str(), status.state, status.reloads), ("libfault-2.so", State::Running, 1));
    assert_eq!(status.hash, Some(hash(&version(2))));
}

#[test]
fn half_a_file_is_waited_for_and_the_rest_starts_it() {
    let bench = Bench::new();
    let whole = version(0);
    let host = bench.host();
    for part in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(bench.path("libfault.so"), &whole[..part]).unwrap();
        host.load_all();
        let status = only(&host);
        assert_eq!((status.state, status.step), (State::Waiting, Some(Step::Elf)));
        assert!(status.reason.unwrap().contains(&format!("it has {part} bytes")));
    }
    fs::write(bench.path("libfault.so"), &whole).unwrap();
    host.load_all();
    assert_eq!(only(&host).state, State::Running);

    // In place of what runs, it changes nothing until it is whole.
    let next = version(1);
    fs::write(bench.path("libfault.so"), &next[..next.len() / 2]).unwrap();
    host.load_all();
    let status = only(&host);
    assert_eq!((status.state, status.pending.unwrap().step), (State::Running, Step::Elf));
    assert_eq!(bench.seen.seen().lost, 0);
    fs::write(bench.path("libfault.so"), &next).unwrap();
    host.load_all();
    assert_eq!((only(&host).pending, only(&host).hash), (None, Some(hash(&next))));
}

#[test]
fn a_path_stays_mounted_while_another_takes_the_place() {
    let bench = Bench::new();
    bench.compile("c", &starting("return usleep(100 * 1000);"));
    let host = bench.run();
    assert_eq!(host.mounted("/c"), Some(("c".to_owned(), true)));
    assert_eq!(host.mounted("/d"), None);
    bench.compile("c", &starting("return usleep(200 * 1000);"));
    std::thread::scope(|scope| {
        let swap = scope.spawn(|| host.load_all());
        let mut closed = 0;
        while !swap.is_finished() {
            let (_, is_open) = host.mounted("/c").expect("it is never nobody's");
            closed += u32::from(!is_open);
            std::thread::yield_now();
        }
        assert!(closed > 0, "in between it takes no sockets");
    });
    assert_eq!(host.mounted("/c"), Some(("c".to_owned(), true)));
    let gap = only(&host).swap_gap_us.unwrap();
    assert!((200_000..10_000_000).contains(&gap), "{gap} µs");
}
