//! A file that is no plugin becomes a status to read, never a dead daemon.
#![allow(clippy::unwrap_used)]

mod support;

use std::{os::unix::process::ExitStatusExt, process::Command, time::Duration};

use serde_json::json;
use support::{Bench, c_plugin, fault_plugin};
use tieline_host::{Isolation, PluginSettings, State, Status, Step};

/// Loads the only file, which has to fail, and returns the status.
fn failed(bench: &Bench, state: State, step: Step) -> Status {
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (state, Some(step)), "{status:?}");
    assert!(status.reason.as_ref().is_some_and(|reason| reason.contains(' ')), "{status:?}");
    status
}

fn failed_c(change: &str, step: Step) -> Status {
    let bench = Bench::new();
    bench.compile("c", &c_plugin(change));
    failed(&bench, State::Failed, step)
}

fn refused_file(content: &[u8], state: State) -> Status {
    let bench = Bench::new();
    bench.put("libfault.so", content);
    failed(&bench, state, Step::Elf)
}

#[test]
fn a_plugin_runs_and_says_what_it_is() {
    let bench = Bench::with_fault(json!({}));
    let (host, status) = bench.load();
    let hash = blake3::hash(&std::fs::read(fault_plugin()).unwrap()).to_hex();
    assert_eq!(
        status,
        Status {
            name: "fault".into(),
            file: "libfault.so".into(),
            version: Some(env!("CARGO_PKG_VERSION").into()),
            state: State::Running,
            step: None,
            reason: None,
            why: None,
            isolation: Some(Isolation::InProcess),
            pid: None,
            hash: Some(hash.to_string()),
            pending: None,
            since_ms: 1,
            restarts: 0,
            reloads: 0,
            swap_gap_us: None,
        }
    );
    assert_eq!(host.sockets(), [("/fault".to_owned(), "fault".to_owned())]);
    assert_eq!(bench.staged(), [bench.settings.staging_dir.join(format!("fault-{}.so", &hash[..16]))]);
}

#[test]
fn loading_again_leaves_what_runs_alone() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.load_all();
    assert_eq!(host.status().len(), 1);
    assert_eq!(bench.seen.seen().lost, 0);
    host.stop_all();
    assert_eq!(host.status()[0].state, State::Stopped);
    host.load_all();
    assert_eq!(host.status()[0].state, State::Running);
}

#[test]
fn an_empty_or_missing_folder_is_no_plugins() {
    let bench = Bench::new();
    let host = bench.host();
    host.load_all();
    assert_eq!(host.status(), []);
    std::fs::remove_dir(&bench.settings.plugins_dir).unwrap();
    host.load_all();
    assert_eq!(host.status(), []);
    host.stop_all();
}

#[test]
fn a_text_is_not_a_library() {
    refused_file(b"this is a text\n", State::Failed);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_waited_for_and_not_opened() {
    let whole = std::fs::read(fault_plugin()).unwrap();
    for part in [0, 1, 10, 50, 90, 99] {
        refused_file(&whole[..whole.len() / 100 * part], State::Waiting);
    }
    refused_file(&whole[..4], State::Waiting);
    let reason = refused_file(&whole[..whole.len() - 1], State::Waiting).reason.unwrap();
    let said = format!("it has {} bytes, and {} are wanted", whole.len() - 1, whole.len());
    assert!(reason.contains(&said) || !cfg!(target_os = "linux"), "{reason}");
}

#[test]
fn a_folder_is_not_a_library() {
    let bench = Bench::new();
    std::fs::create_dir(bench.settings.plugins_dir.join("x.so")).unwrap();
    failed(&bench, State::Failed, Step::Elf);
}

#[test]
fn a_program_is_not_a_library() {
    let bench = Bench::new();
    std::fs::copy(std::env::current_exe().unwrap(), bench.settings.plugins_dir.join("x.so")).unwrap();
    let (_host, status) = bench.load();
    assert_eq!(status.state, State::Failed, "{status:?}");
}

#[test]
fn a_library_without_the_symbol_is_not_a_plugin() {
    let status = failed_c("#define SYMBOL SOMETHING_ELSE", Step::Symbol);
    assert!(status.reason.unwrap().contains("TIELINE_TRANSPORT"));
    let bench = Bench::new();
    bench.compile("c", "void TIELINE_TRANSPORT(void) {}");
    failed(&bench, State::Failed, Step::Symbol);
}

#[test]
fn another_version_of_the_contract_is_refused_and_both_are_named() {
    let reason = failed_c("#define MAJOR 2\n#define MINOR 7", Step::Version).reason.unwrap();
    assert!(reason.contains("2.7") && reason.contains("1.1"), "{reason}");
    failed_c("#define MAGIC 42", Step::Version);
    failed_c("#define SIZE 64", Step::Version);
    failed_c("#define START NULL", Step::Version);
    let reason = failed_c("#define UNWIND 0", Step::Version).reason.unwrap();
    assert!(reason.contains("panic = \"abort\""), "{reason}");
}

#[test]
fn a_later_minor_version_runs() {
    let bench = Bench::new();
    bench.compile("c", &c_plugin("#define MINOR 9"));
    bench.run();
}

#[test]
fn a_manifest_that_makes_no_sense_is_refused() {
    failed_c("#define MANIFEST \"not json\"", Step::Manifest);
    failed_c("#define MANIFEST \"{}\"", Step::Manifest);
    failed_c(r#"#define MANIFEST "{\"name\":\"../x\",\"version\":\"1\"}""#, Step::Manifest);
    failed_c(r#"#define MANIFEST "{\"name\":\"trust\",\"version\":\"1\"}""#, Step::Manifest);
    failed_c(r#"#define MANIFEST "{\"name\":\"c\",\"version\":\"1\",\"sockets\":[\"ws\"]}""#, Step::Manifest);
}

#[test]
fn what_kills_the_probe_does_not_kill_the_daemon() {
    let constructor = |body: &str| {
        format!(
            "#include <stdlib.h>\n#include <unistd.h>\n\
             __attribute__((constructor)) static void c(void) {{ {body}; }}"
        )
    };
    let reason = failed_c(&constructor("*(volatile int *)8 = 1"), Step::Probe).reason.unwrap();
    assert!(reason.contains("signal 11"), "{reason}");
    failed_c(&constructor("_exit(9)"), Step::Probe);
    failed_c(&constructor("_exit(0)"), Step::Probe);

    let mut bench = Bench::new();
    bench.limits.probe_limit = Duration::from_millis(300);
    bench.compile("c", &c_plugin(&constructor("for (;;) pause()")));
    let reason = failed(&bench, State::Failed, Step::Probe).reason.unwrap();
    assert!(reason.contains("hangs"), "{reason}");
}

#[test]
fn a_probe_that_cannot_be_started_is_a_status() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.probe = vec!["/no/such/program".into()];
    failed(&bench, State::Failed, Step::Probe);
    bench.settings.probe = Vec::new();
    failed(&bench, State::Failed, Step::Probe);
}

#[test]
fn a_missing_dependency_is_named() {
    let bench = Bench::new();
    let library = bench.settings.plugins_dir.join("libhelper.so");
    std::fs::write(bench.dir.path().join("helper.c"), "int helper(void) { return 1; }").unwrap();
    let cc = |args: &[&std::ffi::OsStr]| assert!(Command::new("cc").args(args).status().unwrap().success());
    let source = bench.dir.path().join("helper.c");
    cc(&["-shared".as_ref(), "-fPIC".as_ref(), "-o".as_ref(), library.as_ref(), source.as_ref()]);
    let main = bench.dir.path().join("main.c");
    std::fs::write(&main, "extern int helper(void); int TIELINE_TRANSPORT = 1; int f(void) { return helper(); }")
        .unwrap();
    let plugin = bench.settings.plugins_dir.join("libc.so");
    cc(&["-shared".as_ref(), "-fPIC".as_ref(), "-o".as_ref(), plugin.as_ref(), main.as_ref(), library.as_ref()]);
    std::fs::remove_file(&library).unwrap();
    let reason = failed(&bench, State::Failed, Step::Open).reason.unwrap();
    assert!(reason.contains("libhelper.so"), "{reason}");
}

#[test]
fn without_a_word_a_stock_plugin_runs_inside_the_daemon_and_another_in_a_process_of_its_own() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.plugins.clear();
    let (host, status) = bench.load();
    assert_eq!((status.isolation, status.pid), (Some(Isolation::InProcess), None));
    host.stop_all();

    bench.settings.stock.clear();
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.isolation), (State::Running, Some(Isolation::Process)), "{status:?}");
    assert!(status.pid.is_some_and(|pid| pid != std::process::id()));
    assert!(!bench.settings.markers_dir.join("fault.loading").exists(), "it cannot take the daemon down");
}

#[test]
fn a_disabled_plugin_is_not_run() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.plugins.insert("fault".into(), PluginSettings { enabled: false, ..Default::default() });
    failed(&bench, State::Disabled, Step::Trust);
}

#[test]
fn two_plugins_of_one_name_or_one_socket_path_do_not_run_together() {
    let mut bench = Bench::with_fault(json!({}));
    std::fs::copy(fault_plugin(), bench.settings.plugins_dir.join("libfault2.so")).unwrap();
    bench.settings.stock.push("d".into());
    bench.compile("c", &c_plugin(""));
    bench.compile("d", &c_plugin(r#"#define MANIFEST "{\"name\":\"d\",\"version\":\"1\",\"sockets\":[\"/c\"]}""#));
    let host = bench.host();
    host.load_all();
    let status = host.status();
    let states: Vec<_> = status.iter().map(|s| (s.file.as_str(), s.state, s.step)).collect();
    assert_eq!(
        states,
        [
            ("libc.so", State::Running, None),
            ("libd.so", State::Failed, Some(Step::Manifest)),
            ("libfault.so", State::Running, None),
            ("libfault2.so", State::Failed, Some(Step::Manifest)),
        ]
    );
}

#[test]
fn an_error_in_start_is_the_status_and_nothing_is_tried_again() {
    let bench = Bench::with_fault(json!({"start": "error"}));
    let status = failed(&bench, State::Failed, Step::Start);
    assert_eq!(status.reason.unwrap(), "the configuration asks for an error in start");
    let seen = bench.seen.seen();
    assert!(!seen.changes.iter().any(|status| status.state == State::Restarting));
}

const CRASH_DIR: &str = "TIELINE_TEST_CRASH_DIR";

/// Is a daemon that a plugin takes down, when another test runs this executable again as one.
#[test]
fn crash_child() {
    if let Some(dir) = std::env::var_os(CRASH_DIR) {
        let mut settings = support::settings(dir.as_ref());
        let config = json!({"start": "abort"});
        settings.plugins.insert("fault".into(), PluginSettings { config, ..Default::default() });
        tieline_host::Host::new(settings, std::sync::Arc::<support::Recorder>::default()).load_all();
        unreachable!("the plugin ends this process");
    }
}

#[test]
fn a_plugin_that_took_three_daemons_down_is_quarantined_until_something_changes() {
    let mut bench = Bench::with_fault(json!({"start": "abort"}));
    for _ in 0..3 {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["crash_child", "--exact"])
            .env(CRASH_DIR, bench.dir.path())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.signal(), Some(6), "{status:?}");
    }

    for _ in 0..2 {
        let reason = failed(&bench, State::Quarantined, Step::Marker).reason.unwrap();
        assert!(reason.contains("fault.loading"), "{reason}");
    }
    bench.configure(json!({}));
    bench.run();
}

#[test]
fn a_marker_of_an_unknown_kind_quarantines() {
    let bench = Bench::with_fault(json!({}));
    std::fs::create_dir_all(&bench.settings.markers_dir).unwrap();
    std::fs::write(bench.settings.markers_dir.join("fault.loading"), "?").unwrap();
    failed(&bench, State::Quarantined, Step::Marker);
    std::fs::remove_file(bench.settings.markers_dir.join("fault.loading")).unwrap();
    bench.run();
}

#[test]
fn the_marker_goes_once_the_plugin_has_been_healthy_and_when_it_stops() {
    let mut bench = Bench::with_fault(json!({}));
    let marker = bench.settings.markers_dir.join("fault.loading");
    let host = bench.run();
    assert!(marker.exists());
    host.stop_all();
    assert!(!marker.exists());

    bench.limits.healthy_after = Duration::ZERO;
    let host = bench.run();
    // The driver looks at the time before it waits; a completed delivery shows that it has been there.
    host.deliver("fault", vec![support::wish(1, 1, "nothing")]);
    host.deliver("fault", vec![support::wish(1, 2, "nothing")]);
    bench.seen.wait("two answers", |seen| (seen.completed.len() == 2).then_some(()));
    assert!(!marker.exists());
}

const WITH_SCHEMA: &str = r#"{"name":"c","version":"1.0.0","config_schema":{
    "type":"object","additionalProperties":false,"required":["url"],
    "properties":{"url":{"type":"string"},"token":{"type":"integer"}}}}"#;

#[test]
fn settings_that_do_not_fit_the_schema_keep_a_plugin_from_being_made() {
    let mut bench = Bench::new();
    // It would end the process if it were made.
    let deadly = "#include <tieline_plugin.h>\n#include <stdlib.h>\n#define CREATE deadly\n\
                  static int32_t deadly(const tieline_host *h, tieline_bytes c, void **o) { abort(); }\n";
    let manifest = format!("#define MANIFEST {WITH_SCHEMA:?}");
    bench.compile("c", &c_plugin(&format!("{deadly}{manifest}")));
    let settings = |config| PluginSettings { config, ..PluginSettings::default() };
    bench.settings.plugins.insert("c".to_owned(), settings(json!({"token": "canary", "ulr": "x"})));
    std::fs::rename(bench.path("libc.so"), bench.path("libother.so")).unwrap();
    let status = failed(&bench, State::Failed, Step::Settings);
    assert_eq!((status.name.as_str(), status.version.as_deref()), ("c", Some("1.0.0")), "it is known who that is");
    let reason = status.reason.unwrap();
    std::fs::remove_file(bench.path("libother.so")).unwrap();
    for says in [
        "plugins.c.settings.url: found nothing, wanted text",
        "plugins.c.settings.token: found a value that is not shown, wanted a whole number",
        "plugins.c.settings.ulr: found an unknown key, wanted `url`",
    ] {
        assert!(reason.contains(says), "{reason}");
    }
    bench.compile("c", &c_plugin(&manifest));
    bench.settings.plugins.insert("c".to_owned(), settings(json!({"url": "x"})));
    bench.run();
}

#[test]
fn a_survey_reads_what_plugins_say_and_starts_none() {
    let mut bench = Bench::with_fault(json!({"start": "abort"}));
    bench.compile("c", &c_plugin(&format!("#define MANIFEST {WITH_SCHEMA:?}")));
    std::fs::write(bench.settings.plugins_dir.join("notes.so"), "no library").unwrap();
    let found = tieline_host::survey(&bench.settings);
    let names: Vec<&str> = found.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(names, ["libc.so", "libfault.so", "notes.so"]);
    let c = found[0].declared.as_ref().unwrap();
    assert_eq!((c.name.as_str(), c.version.as_str()), ("c", "1.0.0"));
    assert_eq!(c.config_schema["required"], json!(["url"]));
    assert_eq!(found[1].declared.as_ref().unwrap().name, "fault");
    assert!(found[2].declared.as_ref().unwrap_err().contains("not a library"));
    bench.settings.trust = tieline_host::TrustPolicy::Ask;
    assert!(tieline_host::survey(&bench.settings)[0].declared.as_ref().unwrap_err().contains("nobody has trusted it"));
    bench.settings.plugins_dir = bench.dir.path().join("none");
    assert!(tieline_host::survey(&bench.settings).is_empty());
}

#[test]
fn a_plugin_of_version_1_0_runs() {
    let mut bench = Bench::new();
    bench.settings.stock.push("version-1-0".to_owned());
    bench.compile("old", include_str!("../../../plugins-sdk/tests/support/version_1_0.c"));
    let host = bench.run();
    assert!(host.deliver("version-1-0", vec![support::wish(1, 7, "nothing")]).is_empty());
    bench.seen.wait("the answer", |seen| seen.completed.iter().find(|answer| answer.2 == 7 && answer.3).map(|_| ()));
    assert!(host.webhooks().is_empty());
}
