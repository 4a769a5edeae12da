//! What a person asks of a plugin is done, or refused with a sentence.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, sync::Arc};

use serde_json::json;
use support::{Bench, c_plugin, version, wish};
use tieline_host::{Host, Operation, OperationError, PluginSettings, State, Status, Step, TrustFile};

fn reload(host: &Host, name: &str) -> Result<Status, OperationError> {
    host.operate(Operation::Reload { name: name.into() }).map(|mut status| status.remove(0))
}

fn enable(host: &Host, name: &str) -> Result<Status, OperationError> {
    host.operate(Operation::Enable { name: name.into() }).map(|mut status| status.remove(0))
}

fn disable(host: &Host, name: &str) -> Result<Status, OperationError> {
    host.operate(Operation::Disable { name: name.into() }).map(|mut status| status.remove(0))
}

fn running() -> (Bench, Arc<Host>) {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    (bench, host)
}

#[test]
fn a_reload_starts_the_same_file_anew() {
    let (bench, host) = running();
    let status = reload(&host, "fault").unwrap();
    assert_eq!((status.state, status.reloads), (State::Running, 1));
    assert!(status.swap_gap_us.is_some());
    let seen = bench.seen.seen();
    assert_eq!(seen.lost, 1);
    // The same code, in a second life.
    assert!(seen.logs.iter().any(|(_, fields)| fields["started"] == 2));
}

#[test]
fn a_reload_gives_what_was_left_alone_another_chance() {
    let mut bench = Bench::with_fault(json!({"start": "panic-again"}));
    bench.limits.deaths = 2;
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "panic")]);
    bench.wait_for(&host, State::Quarantined);
    let status = reload(&host, "libfault.so").unwrap();
    assert_ne!(status.state, State::Quarantined);
    bench.wait_for(&host, State::Quarantined);

    // Also what is said to have taken daemons down.
    let bench = Bench::with_fault(json!({}));
    fs::create_dir_all(&bench.settings.markers_dir).unwrap();
    fs::write(bench.settings.markers_dir.join("fault.loading"), "?").unwrap();
    let (host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Quarantined, Some(Step::Marker)));
    assert!(status.reason.unwrap().contains("tieline plugins reload fault"));
    assert_eq!(reload(&host, "fault").unwrap().state, State::Running);
}

#[test]
fn a_reload_of_what_does_not_start_any_more_leaves_it_running() {
    let (bench, host) = running();
    fs::write(bench.path("libfault.so"), "notes").unwrap();
    let status = reload(&host, "fault").unwrap();
    assert_eq!((status.state, status.pending.unwrap().step), (State::Running, Step::Elf));
    assert_eq!(bench.seen.seen().lost, 0);
}

#[test]
fn a_disabled_plugin_stays_off_until_it_is_enabled() {
    let (bench, host) = running();
    let status = disable(&host, "fault").unwrap();
    assert_eq!((status.state, status.step), (State::Disabled, Some(Step::Trust)));
    assert!(status.reason.unwrap().contains("tieline plugins disable"));
    assert_eq!((bench.seen.seen().lost, host.mounted("/fault")), (1, None));
    disable(&host, "fault").unwrap();
    // Neither a change, nor a reload, nor the next daemon starts it.
    bench.put("libfault.so", &version(1));
    host.load_all();
    assert_eq!(host.status()[0].state, State::Disabled);
    let refused = reload(&host, "fault").unwrap_err().to_string();
    assert!(refused.contains("tieline plugins enable fault"), "{refused}");
    let (next, status) = bench.load();
    assert_eq!(status.state, State::Disabled);
    assert_eq!(disable(&next, "fault").unwrap().state, State::Disabled);

    let status = enable(&host, "fault").unwrap();
    assert_eq!((status.state, status.reason), (State::Running, None));
    assert_eq!(enable(&host, "fault").unwrap().state, State::Running);
    assert!(!TrustFile::load(&bench.settings.trust_file).unwrap().is_disabled("fault"));
}

#[test]
fn who_waits_for_a_path_gets_it_when_the_other_is_disabled() {
    let mut bench = Bench::new();
    bench.settings.stock.push("d".into());
    bench.compile("c", &c_plugin(""));
    bench.compile("d", &c_plugin(r#"#define MANIFEST "{\"name\":\"d\",\"version\":\"1\",\"sockets\":[\"/c\"]}""#));
    let host = bench.host();
    host.load_all();
    assert_eq!(host.status()[1].state, State::Failed);
    disable(&host, "c").unwrap();
    assert_eq!((host.status()[1].state, host.mounted("/c")), (State::Running, Some(("d".to_owned(), true))));
    assert_eq!(enable(&host, "c").unwrap().state, State::Failed);
}

#[test]
fn what_never_ran_can_be_disabled_too() {
    let bench = Bench::new();
    bench.put("libnotes.so", b"notes");
    let (host, status) = bench.load();
    assert_eq!(status.state, State::Failed);
    assert_eq!(disable(&host, "notes").unwrap().state, State::Disabled);
    assert_eq!(enable(&host, "notes").unwrap().state, State::Failed);
}

#[test]
fn the_configuration_is_above_what_is_asked_for() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.plugins.insert("fault".into(), PluginSettings { enabled: false, ..Default::default() });
    let (host, status) = bench.load();
    assert_eq!(status.state, State::Disabled);
    for refused in [enable(&host, "fault"), reload(&host, "fault")] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, OperationError::ConfiguredOff { key } if key == "plugins.fault.enabled"),
            "{refused}"
        );
    }
    assert!(disable(&host, "fault").unwrap().reason.unwrap().contains("enabled = false"));
}

#[test]
fn an_unknown_name_is_answered_with_those_that_there_are() {
    let (bench, host) = running();
    let refused = reload(&host, "falt").unwrap_err();
    assert_eq!(refused.to_string(), "no plugin is called `falt`; there are fault");
    bench.put("libfault2.so", &version(2));
    // Two of one name: the one that runs is meant.
    assert_eq!(reload(&host, "fault").unwrap().file, "libfault.so");
    bench.put("libfault.so", b"notes");
    bench.put("libfault2.so", b"notes");
    let host = bench.host();
    host.load_all();
    assert_eq!(reload(&host, "fault").unwrap().file, "libfault.so");
}

#[test]
fn several_files_of_one_name_have_to_be_told_apart() {
    let bench = Bench::new();
    for name in ["liba.so", "tieline_transport_a.so"] {
        bench.put(name, b"notes");
    }
    let host = bench.host();
    host.load_all();
    let refused = reload(&host, "a").unwrap_err();
    assert!(matches!(&refused, OperationError::Ambiguous { files, .. } if files.len() == 2), "{refused}");
    assert_eq!(reload(&host, "liba.so").unwrap().file, "liba.so");
}

#[test]
fn a_file_that_has_just_come_is_known_to_whoever_asks() {
    let bench = Bench::new();
    let host = bench.host();
    host.load_all();
    bench.compile("c", &c_plugin(""));
    assert_eq!(reload(&host, "c").unwrap().state, State::Running);
}

#[test]
fn half_a_file_cannot_be_trusted() {
    let bench = Bench::new();
    fs::write(bench.path("libfault.so"), &version(0)[..1000]).unwrap();
    let host = bench.host();
    host.load_all();
    let refused = host.operate(Operation::Trust { name: "fault".into(), hash: None, by: "a test".into() }).unwrap_err();
    assert!(matches!(&refused, OperationError::NotNow { reason } if reason.contains("1000 bytes")), "{refused}");
    assert!(!bench.settings.trust_file.exists());
}

#[test]
fn what_a_plugin_logs_and_what_became_of_it_can_be_read() {
    let (_bench, host) = running();
    reload(&host, "fault").unwrap();
    let logs = host.logs("fault", 100).unwrap();
    assert_eq!(host.logs("libfault.so", 100).unwrap(), logs);
    assert!(host.logs("nobody", 100).is_none());
    let texts: Vec<_> = logs.iter().map(|record| record.fields["message"].as_str().unwrap()).collect();
    let wanted = ["fault has started", "the plugin is running", "fault was destroyed", "the plugin is stopped"];
    let mut at = 0;
    for wanted in wanted.iter().chain(&wanted[..2]) {
        at += texts[at..].iter().position(|text| text == wanted).unwrap_or_else(|| panic!("{wanted} in {texts:?}")) + 1;
    }
    let last = host.logs("fault", 1).unwrap();
    assert_eq!((last.len(), last[0].level, last[0].at_ms), (1, "info", 1));
}
