//! What changes in the plugin folder changes what runs, and what is no good changes nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use support::{Bench, Sink, c_plugin, hash, version, wish};
use tieline_host::{Host, Operation, State, Status, Step};

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
fn what_cannot_be_opened_here_leaves_the_one_before_running() {
    let (bench, host) = with_c();
    // Here it says something else than in the probe.
    let two_faced = r#"
        #include <stdlib.h>
        static char text[] = "{\"name\":\"c\",\"version\":\"1.0.0\",\"sockets\":[\"/c\"]}";
        __attribute__((constructor)) static void c(void) {
            if (!getenv("TIELINE_TEST_PROBE")) text[sizeof(text) - 22] = '2';
        }
        #define MANIFEST text
    "#;
    bench.compile("c", &c_plugin(two_faced));
    goes_on(&bench, &host, Step::Manifest, "in the probe");
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
fn what_hangs_in_its_start_is_followed_by_the_one_before() {
    let (mut bench, host) = with_c();
    drop(host);
    bench.settings.call_limit = Duration::from_secs(1);
    let host = bench.run();
    let before = only(&host);
    bench.compile("c", &starting("for (;;) pause();"));
    host.load_all();
    let status = only(&host);
    assert_eq!((status.state, status.hash), (State::Running, before.hash));
    let pending = status.pending.unwrap();
    assert!(pending.step == Step::Start && pending.reason.contains("did not return within 1s"), "{pending:?}");
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
fn who_waits_for_a_name_or_a_path_gets_it_when_the_other_is_gone() {
    let bench = Bench::with_fault(json!({}));
    bench.put("libfault2.so", &version(2));
    let host = bench.host();
    host.load_all();
    assert_eq!(host.status()[1].state, State::Failed);
    fs::remove_file(bench.path("libfault.so")).unwrap();
    host.load_all();
    let status = only(&host);
    assert_eq!((status.file.as_str(), status.state), ("libfault2.so", State::Running));
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
fn half_a_file_that_stays_half_fails_and_is_looked_at_again_when_it_changes() {
    let mut bench = Bench::new();
    bench.limits.incomplete_limit = Duration::ZERO;
    let whole = version(0);
    fs::write(bench.path("libfault.so"), &whole[..100]).unwrap();
    let host = bench.host();
    host.load_all();
    let status = only(&host);
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Elf)));
    assert!(status.reason.unwrap().contains("nothing has changed for"));
    fs::write(bench.path("libfault.so"), &whole).unwrap();
    host.load_all();
    assert_eq!(only(&host).state, State::Running);
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

#[test]
fn a_file_that_has_run_is_neither_copied_nor_probed_at_the_next_start() {
    let mut bench = Bench::with_fault(json!({}));
    drop(bench.run());
    let copy = bench.staged().remove(0);
    let inode = |path: &std::path::Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let first = inode(&copy);
    let probe = std::mem::replace(&mut bench.settings.probe, vec!["/no/such/program".into()]);
    drop(bench.run());
    assert_eq!(inode(&copy), first);

    // What is not exactly the same is looked at as if for the first time.
    let damaged = bench.dir.path().join("damaged");
    fs::write(&damaged, "x").unwrap();
    fs::rename(damaged, &copy).unwrap();
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Probe)));
    bench.settings.probe = probe;
    drop(bench.run());
    fs::remove_file(copy.with_extension("json")).unwrap();
    drop(bench.run());
    assert!(copy.with_extension("json").exists());
}

#[test]
fn after_an_end_of_the_daemon_a_file_is_probed_again() {
    let mut bench = Bench::with_fault(json!({}));
    drop(bench.run());
    fs::create_dir_all(&bench.settings.markers_dir).unwrap();
    fs::write(bench.settings.markers_dir.join("fault.loading"), r#"{"subject":"another","ends":0}"#).unwrap();
    bench.settings.probe = vec!["/no/such/program".into()];
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Probe)));
}

const CRASH_DIR: &str = "TIELINE_TEST_CRASH_DIR";

/// Is a daemon that the next version takes down, when another test runs this executable again as one.
#[test]
fn crash_child() {
    let Some(dir) = std::env::var_os(CRASH_DIR).map(std::path::PathBuf::from) else { return };
    let settings = support::settings(&dir);
    let plugins = settings.plugins_dir.clone();
    let host = Host::new(settings, Arc::<support::Recorder>::default());
    host.load_all();
    // Only the first of them has run the version before.
    fs::rename(plugins.join(".next"), plugins.join("libc.so")).unwrap();
    host.load_all();
    unreachable!("the plugin ends this process");
}

#[test]
fn a_version_that_took_three_daemons_down_is_quarantined_until_it_is_replaced() {
    let bench = Bench::new();
    let library = bench
        .compile("c", &starting("abort();").replace("#include <stdint.h>", "#include <stdlib.h>\n#include <stdint.h>"));
    let deadly = fs::read(library).unwrap();
    bench.compile("c", &c_plugin(""));
    for _ in 0..3 {
        fs::write(bench.path(".next"), &deadly).unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["crash_child", "--exact"])
            .env(CRASH_DIR, bench.dir.path())
            .output()
            .unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(6), "{output:?}");
    }
    let (host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Quarantined, Some(Step::Marker)), "{status:?}");
    bench.compile("c", &c_plugin(""));
    host.load_all();
    assert_eq!(only(&host).state, State::Running);
}

#[test]
fn a_plugin_that_died_too_often_is_left_alone_until_its_file_changes() {
    let mut bench = Bench::with_fault(json!({"start": "panic"}));
    bench.limits.deaths = 2;
    let host = bench.host();
    host.load_all();
    bench.wait_for(&host, State::Quarantined);
    bench.put("libfault.so", &version(0));
    host.load_all();
    assert_eq!((only(&host).state, only(&host).reloads), (State::Quarantined, 0));
    bench.put("libfault.so", &version(1));
    host.load_all();
    assert_ne!(only(&host).state, State::Quarantined);
    assert_eq!(only(&host).reloads, 1);
    bench.wait_for(&host, State::Quarantined);
}

#[test]
fn a_library_with_a_thread_left_behind_is_not_used_again() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.call_limit = Duration::from_secs(1);
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "hang")]);
    bench.wait_for(&host, State::Quarantined);
    let status = host.operate(Operation::Reload { name: "fault".into() }).unwrap().remove(0);
    assert_eq!((status.state, status.reloads), (State::Running, 1));
    // The first start of another copy, as its counters say.
    assert_eq!(bench.seen.seen().logs.iter().filter(|(_, fields)| fields["started"] == 1).count(), 2);
    assert!(bench.staged()[0].to_str().unwrap().ends_with("-2.so"), "{:?}", bench.staged());
}

#[test]
fn fifty_replacements_leave_one_copy_and_one_plugin() {
    let bench = Bench::new();
    bench.compile("c", &c_plugin(""));
    let whole = fs::read(bench.path("libc.so")).unwrap();
    let host = bench.run();
    for n in 1..=50 {
        bench.put("libc.so", &[whole.as_slice(), &vec![0; n]].concat());
        host.load_all();
        let status = only(&host);
        assert_eq!((status.state, status.reloads as usize), (State::Running, n));
    }
    assert_eq!((bench.staged().len(), bench.seen.seen().lost), (1, 50));
}
