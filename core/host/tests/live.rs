//! What changes in the plugin folder changes what runs, and what is no good changes nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, sync::Arc, time::Duration};

use serde_json::json;
use support::{Bench, c_plugin, version, wish};
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
fn what_hangs_as_it_is_opened_leaves_the_one_before_running() {
    let (mut bench, host) = with_c();
    drop(host);
    bench.settings.call_limit = std::time::Duration::from_millis(500);
    let host = bench.run();
    bench.seen.seen().lost = 0;
    // Not for ever: the end of this process waits for it, too.
    let slow = r#"
        #include <stdlib.h>
        #include <unistd.h>
        __attribute__((constructor)) static void c(void) { if (!getenv("TIELINE_TEST_PROBE")) sleep(2); }
    "#;
    bench.compile("c", &c_plugin(slow));
    goes_on(&bench, &host, Step::Open, "did not return");
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
