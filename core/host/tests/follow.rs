//! The plugin folder is followed while the daemon runs.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Bench, hash, version};
use tieline_host::{Host, Operation, OperationError, State, Status};

/// Waits until the list is as wanted. What leaves it has told of its end before.
fn becomes(host: &Host, what: &str, is_wanted: impl Fn(&[Status]) -> Option<()>) {
    let until = Instant::now() + Duration::from_secs(30);
    while is_wanted(&host.status()).is_none() {
        assert!(Instant::now() < until, "waited in vain: {what}; the list is {:#?}", host.status());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_running(status: &[Status], content: &[u8]) -> Option<()> {
    let is_it = |status: &Status| status.state == State::Running && status.hash == Some(hash(content));
    (status.len() == 1 && is_it(&status[0])).then_some(())
}

fn watched() -> (Bench, Arc<Host>) {
    let bench = Bench::with_fault(json!({}));
    let host = bench.host();
    host.watch().unwrap();
    assert_eq!(host.status()[0].state, State::Running, "the first look is over when this returns");
    (bench, host)
}

#[test]
fn files_come_change_and_go_while_it_runs() {
    let (bench, host) = watched();
    host.watch().unwrap();
    bench.put("libfault.so", &version(1));
    becomes(&host, "the next version runs", |status| is_running(status, &version(1)));
    fs::remove_file(bench.path("libfault.so")).unwrap();
    becomes(&host, "nothing is left", |status| status.is_empty().then_some(()));
    fs::copy(support::fault_plugin(), bench.path("libnew.so")).unwrap();
    becomes(&host, "a new one runs", |status| is_running(status, &version(0)));
}

#[test]
fn half_a_file_is_completed_while_it_runs() {
    let bench = Bench::new();
    let host = bench.host();
    host.watch().unwrap();
    let whole = version(0);
    fs::write(bench.path("libfault.so"), &whole[..whole.len() / 3]).unwrap();
    becomes(&host, "it waits", |status| status.iter().find(|s| s.state == State::Waiting).map(|_| ()));
    fs::write(bench.path("libfault.so"), &whole).unwrap();
    becomes(&host, "it runs", |status| is_running(status, &whole));
}

#[test]
fn half_a_file_that_stays_half_fails_by_itself() {
    let mut bench = Bench::new();
    bench.limits.incomplete_limit = Duration::from_millis(200);
    fs::write(bench.path("libfault.so"), b"\x7fELF").unwrap();
    let host = bench.host();
    host.watch().unwrap();
    assert_eq!(host.status()[0].state, State::Waiting);
    bench.wait_for(&host, State::Failed);
}

#[test]
fn a_folder_that_is_made_later_or_made_again_is_followed_too() {
    let mut bench = Bench::new();
    bench.limits.poll = Duration::from_millis(50);
    let dir = bench.settings.plugins_dir.clone();
    fs::remove_dir(&dir).unwrap();
    let host = bench.host();
    host.watch().unwrap();
    for _ in 0..2 {
        fs::create_dir(&dir).unwrap();
        bench.put("libfault.so", &version(0));
        becomes(&host, "it runs", |status| is_running(status, &version(0)));
        // The folder is followed again, or the next change would not be seen.
        bench.put("libfault.so", &version(1));
        becomes(&host, "the next one runs", |status| is_running(status, &version(1)));
        fs::remove_dir_all(&dir).unwrap();
        becomes(&host, "nothing is left", |status| status.is_empty().then_some(()));
    }
    let other = dir.with_file_name("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("libfault.so"), version(2)).unwrap();
    fs::rename(&other, &dir).unwrap();
    becomes(&host, "another folder in its place", |status| is_running(status, &version(2)));
    fs::rename(&dir, &other).unwrap();
    becomes(&host, "nothing is left", |status| status.is_empty().then_some(()));
}

#[test]
fn what_was_wrong_with_the_folder_is_noticed_when_it_is_mended() {
    let bench = Bench::with_fault(json!({}));
    let permit = |mode| {
        fs::set_permissions(&bench.settings.plugins_dir, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    permit(0o777);
    let host = bench.host();
    host.watch().unwrap();
    let status = host.status().remove(0);
    assert_eq!(status.state, State::Quarantined);
    assert!(status.reason.unwrap().contains("chmod go-w"));
    permit(0o755);
    bench.wait_for(&host, State::Running);
}

#[test]
fn nothing_begins_after_the_end() {
    let (bench, host) = watched();
    host.stop_all();
    bench.put("libfault.so", &version(1));
    let refused = host.operate(Operation::Reload { name: "fault".into() }).unwrap_err();
    assert!(matches!(refused, OperationError::NotNow { .. }), "{refused}");
    assert_eq!(host.status()[0].state, State::Stopped);
    // It may all begin again.
    host.watch().unwrap();
    becomes(&host, "it runs again", |status| is_running(status, &version(1)));
}
