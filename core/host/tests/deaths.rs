//! Whatever a plugin does in a process of its own ends that process and nothing else.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use support::{Bench, Sink, child_command, wish};
use tieline_host::{Host, Isolation, PluginSettings, State, Status, Step, Webhook};

fn pid(host: &Host) -> Pid {
    let pid = host.status()[0].pid.expect("it runs in a process");
    Pid::from_raw(pid.cast_signed()).unwrap()
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

fn opened() -> Bytes {
    Bytes::from_static(br#"{"path":"/fault","principal":{"id":"prn_1"}}"#)
}

/// Waits until it has died for the `n`th time and runs again; returns what was said of the death.
fn death(bench: &Bench, n: usize) -> Status {
    bench.seen.wait("a death and a restart", |seen| {
        let died: Vec<usize> =
            (0..seen.changes.len()).filter(|&i| seen.changes[i].state == State::Restarting).collect();
        let at = *died.get(n - 1)?;
        seen.changes[at..].iter().any(|status| status.state == State::Running).then(|| seen.changes[at].clone())
    })
}

/// Every message has exactly one answer.
fn assert_answered(bench: &Bench, corrs: std::ops::RangeInclusive<u64>) {
    let wanted = corrs.clone().count();
    bench.seen.wait("all answers", |seen| (seen.completed.len() >= wanted).then_some(()));
    let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
    for completed in &bench.seen.seen().completed {
        *answers.entry(completed.2).or_default() += 1;
    }
    assert_eq!(answers, corrs.map(|corr| (corr, 1)).collect());
}

/// A delivery ends the process. The host stays, the reason is readable, everything is answered once, the sockets are
/// closed, and a new process goes on.
fn dies_of(what: &str, says: &[&str]) {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let first = pid(&host);
    assert!(host.socket_opened("fault", 5, opened(), Arc::new(Sink(bench.seen.clone()))));
    host.deliver("fault", vec![wish(1, 1, "keep"), wish(1, 2, "nothing"), wish(1, 3, what), wish(1, 4, "nothing")]);
    let status = death(&bench, 1);
    let reason = status.reason.unwrap();
    assert!(says.iter().all(|says| reason.contains(says)), "wanted {says:?} in: {reason}");
    assert!(!reason.contains('\n'), "{reason}");
    assert!(matches!(status.step, Some(Step::Deliver | Step::Process)), "{:?}", status.step);
    assert_eq!((status.isolation, status.pid), (Some(Isolation::Process), None));
    assert_answered(&bench, 1..=4);
    assert!(!is_alive(first), "nothing of it is left");
    assert_eq!(bench.seen.seen().closed.iter().map(|closed| closed.0).collect::<Vec<_>>(), [1012]);

    assert_ne!(pid(&host), first);
    host.deliver("fault", vec![wish(1, 5, "nothing")]);
    bench.seen.wait("an answer", |seen| seen.completed.iter().any(|c| c.2 == 5 && c.3).then_some(()));
    host.stop_all();
    assert_eq!((host.status()[0].state, host.status()[0].pid), (State::Stopped, None));
}

#[test]
fn an_abort() {
    dies_of("abort", &["its process was killed by signal 6 (SIGABRT)"]);
}

#[test]
fn a_bad_pointer() {
    dies_of("segv", &["its process was killed by signal 11 (SIGSEGV)"]);
}

#[test]
fn a_stack_that_overflows() {
    dies_of("overflow", &["its process was killed by signal", "SIG"]);
}

#[test]
fn an_exit() {
    dies_of("exit", &["its process ended with exit status 9"]);
}

#[test]
#[cfg(target_os = "linux")]
fn more_memory_than_it_may_have() {
    dies_of("eat", &["SIGABRT", "; it printed:", "memory allocation of 67108864 bytes failed"]);
}

#[test]
fn a_connection_that_it_closes() {
    dies_of("hang-up", &["its process has lost its connection to the daemon"]);
    dies_of("close-descriptors", &["its process has lost its connection to the daemon"]);
}

#[test]
fn garbage_on_its_connection() {
    dies_of("scribble", &["its process sent a frame of 2863311530 bytes, so it was killed"]);
}

#[test]
fn a_panic() {
    dies_of("panic", &["it panicked in `deliver`: the message asks for a panic in deliver"]);
}

#[test]
fn an_endless_loop_in_a_call_is_killed_and_started_again() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.call_limit = Duration::from_millis(500);
    let host = bench.run();
    let first = pid(&host);
    host.deliver("fault", vec![wish(1, 1, "keep"), wish(1, 2, "spin")]);
    let status = death(&bench, 1);
    assert_eq!(status.step, Some(Step::Deliver));
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("the call did not return within 500ms (in `deliver`), so its process was killed"));
    assert!(!is_alive(first));
    assert_answered(&bench, 1..=2);
}

#[test]
fn an_endless_loop_in_a_thread_of_its_own_holds_nothing_up() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let pid = pid(&host);
    host.deliver("fault", vec![wish(1, 1, "spin-thread")]);
    host.deliver("fault", (2..=20).map(|corr| wish(1, corr, "nothing")).collect());
    bench.seen.wait("all answers", |seen| (seen.completed.len() == 20).then_some(()));
    assert!(bench.seen.seen().completed.iter().all(|completed| completed.3));
    host.stop_all();
    assert_eq!(host.status()[0].state, State::Stopped);
    assert!(!is_alive(pid), "the loop ends with its process");
}

#[test]
fn descriptors_that_it_leaks_are_its_own() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.plugins.get_mut("fault").unwrap().open_files = 64;
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "leak")]);
    let said = bench.seen.wait("the answer", |seen| seen.completed.first().map(|completed| completed.4.clone()));
    let (count, error) = said.split_once(": ").unwrap();
    assert!((30..64).contains(&count.parse().unwrap()) && error.contains("Too many open files"), "{said}");
    host.deliver("fault", vec![wish(1, 2, "nothing")]);
    bench.seen.wait("an answer", |seen| seen.completed.iter().any(|c| c.2 == 2 && c.3).then_some(()));
    // Of the daemon's there are enough.
    let many: Vec<_> = (0..200).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    drop(many);
}

#[test]
fn after_five_deaths_it_is_left_alone() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    for n in 1..=5 {
        host.deliver("fault", vec![wish(1, n, "abort")]);
        if n < 5 {
            death(&bench, n as usize);
        }
    }
    let status = bench.wait_for(&host, State::Quarantined);
    let reason = status.reason.unwrap();
    assert!(reason.contains("SIGABRT") && reason.ends_with("it died 5 times and is left alone"), "{reason}");
    assert_eq!((status.step, status.pid), (Some(Step::Deliver), None));
    assert_answered(&bench, 1..=5);
    assert_eq!(host.deliver("fault", vec![wish(1, 6, "nothing")]).len(), 1);
}

/// The configuration of a call that panics, how it is brought about, and the step that is named.
#[test]
fn a_panic_in_any_call_is_a_death_with_that_name() {
    let request = |body: Value| Webhook {
        method: "POST".to_owned(),
        path: "/hooks/fault".to_owned(),
        query: String::new(),
        headers: "[]".to_owned(),
        principal: "{}".to_owned(),
        body: Bytes::from(body.to_string()),
    };
    let bench = Bench::with_fault(json!({"resumed": "panic"}));
    let host = bench.run();
    let sink = || Arc::new(Sink(bench.seen.clone()));
    let cause = |n: usize| {
        match n {
            1 => drop(host.deliver("fault", vec![wish(1, 1, "panic")])),
            2 => {
                host.socket_opened("fault", 5, opened(), sink());
                host.socket_frames(5, vec![(true, "panic".into())]);
            }
            3 => drop(host.webhook("fault", request(json!({"do": "panic"})), drop).unwrap()),
            _ => drop(host.webhook("fault", request(json!({"do": "timer", "id": 666, "ms": 1})), drop).unwrap()),
        };
    };
    for (n, step) in [(1, Step::Deliver), (2, Step::Sockets)] {
        cause(n);
        assert_eq!(death(&bench, n).step, Some(step));
    }
    // A request that nobody waits for is not handed over: these wait.
    let panics = host.webhook("fault", request(json!({"do": "panic"})), drop).unwrap();
    assert_eq!(death(&bench, 3).step, Some(Step::Webhook));
    let fires = host.webhook("fault", request(json!({"do": "timer", "id": 666, "ms": 1})), drop).unwrap();
    assert_eq!(death(&bench, 4).step, Some(Step::Timer));
    drop((panics, fires));
    // More than there is room for, so that it has to be resumed.
    host.deliver("fault", vec![support::delivery(1, 9, json!({"do": "flood", "n": 2000}))]);
    assert_eq!(bench.wait_for(&host, State::Quarantined).step, Some(Step::Resume));
}

#[test]
fn a_hang_or_a_crash_in_start_is_tried_again_until_it_is_too_often() {
    for (start, says) in [("hang", "did not return within 200ms (in `start`)"), ("abort", "SIGABRT")] {
        let mut bench = Bench::with_fault(json!({ "start": start }));
        bench.settings.call_limit = Duration::from_millis(200);
        let (host, _) = bench.load();
        let status = bench.wait_for(&host, State::Quarantined);
        assert_eq!(status.step, Some(Step::Start));
        assert!(status.reason.as_ref().unwrap().contains(says), "{status:?}");
        assert_eq!(bench.seen.seen().lost, 5);
    }
}

#[test]
fn a_hang_in_stop_is_killed_within_the_limit() {
    let mut bench = Bench::with_fault(json!({"stop": "hang"}));
    bench.settings.stop_limit = Duration::from_millis(500);
    let host = bench.run();
    let pid = pid(&host);
    let begun = Instant::now();
    host.stop_all();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(host.status()[0].state, State::Stopped);
    assert!(!is_alive(pid));
}

#[test]
fn a_process_that_somebody_kills_while_it_rests_is_missed_at_once() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    kill_process(pid(&host), Signal::KILL).unwrap();
    let status = death(&bench, 1);
    assert_eq!(status.step, Some(Step::Process));
    assert!(status.reason.unwrap().starts_with("its process was killed by signal 9 (SIGKILL)"));
}

#[test]
fn a_signal_that_asks_for_an_end_is_left_to_the_daemon() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    let pid = pid(&host);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(pid, signal).unwrap();
    }
    host.deliver("fault", vec![wish(1, 1, "nothing")]);
    bench.seen.wait("an answer", |seen| seen.completed.iter().any(|c| c.3).then_some(()));
    assert_eq!(host.status()[0].pid.map(u32::cast_signed), Some(pid.as_raw_nonzero().get()));
    host.stop_all();
    assert!(!is_alive(pid));
}

#[test]
fn a_process_that_does_not_answer_a_heartbeat_is_killed() {
    let mut bench = Bench::with_fault(json!({}));
    bench.limits.heartbeat = Duration::from_millis(50);
    bench.settings.call_limit = Duration::from_millis(300);
    let host = bench.run();
    let first = pid(&host);
    // With many heartbeats that are answered, nothing happens.
    let calm = Instant::now() + Duration::from_millis(500);
    while Instant::now() < calm {
        assert_eq!(host.status()[0].pid.map(|pid| pid.cast_signed()), Some(first.as_raw_nonzero().get()));
        host.deliver("fault", Vec::new());
        std::thread::yield_now();
    }
    kill_process(first, Signal::STOP).unwrap();
    let status = death(&bench, 1);
    assert_eq!(status.step, Some(Step::Process));
    let reason = status.reason.unwrap();
    assert!(reason.contains("did not answer a heartbeat within 300ms"), "{reason}");
    assert!(!is_alive(first));
}

#[test]
fn what_it_prints_is_in_the_log() {
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "print")]);
    for line in ["a line on standard output", "a line on standard error"] {
        bench.seen.wait(line, |seen| seen.logs.iter().find(|(_, fields)| fields["message"] == line).map(|_| ()));
    }
}

#[test]
fn it_inherits_no_descriptor_and_little_of_the_environment() {
    // As a careless parent of the daemon might leave it open.
    let inherited = std::fs::File::open("/dev/null").unwrap();
    let open = rustix::io::fcntl_dupfd_cloexec(&inherited, 100).unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let bench = Bench::with_fault(json!({}));
    let host = bench.run();
    host.deliver("fault", vec![wish(1, 1, "look")]);
    let said = bench.seen.wait("the answer", |seen| seen.completed.first().map(|completed| completed.4.clone()));
    let found: Value = serde_json::from_str(&said).unwrap();
    // The connection, for reading, watching and writing; nothing else.
    assert_eq!(found["descriptors"].as_array().unwrap().len(), 3, "{found}");
    let kept = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "RUST_BACKTRACE"];
    // The flag is that of the command that this test runs.
    let other = |name: &&Value| !kept.contains(&name.as_str().unwrap()) && **name != "TIELINE_TEST_PLUGIN_HOST";
    assert_eq!(found["environment"].as_array().unwrap().iter().filter(other).count(), 0, "{found}");
}

#[test]
fn an_error_in_start_is_the_status_and_nothing_is_tried_again() {
    let bench = Bench::with_fault(json!({"start": "error"}));
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Start)));
    assert_eq!(status.reason.unwrap(), "the configuration asks for an error in start");
    assert_eq!(status.pid, None);
}

#[test]
fn a_program_that_cannot_be_started_is_a_status() {
    let mut bench = Bench::with_fault(json!({}));
    bench.settings.plugin_host = vec!["/no/such/program".into()];
    let (_host, status) = bench.load();
    assert_eq!((status.state, status.step), (State::Failed, Some(Step::Process)));
    assert!(status.reason.as_ref().unwrap().contains("/no/such/program"), "{status:?}");
    // One that is no host of plugins.
    bench.settings.plugin_host = vec!["true".into()];
    let (host, _) = bench.load();
    let status = bench.wait_for(&host, State::Quarantined);
    assert!(status.reason.as_ref().unwrap().contains("its process ended by itself"), "{status:?}");
}

#[test]
fn a_marker_of_a_crash_of_the_daemon_does_not_keep_it_from_a_process_of_its_own() {
    let mut bench = Bench::with_fault(json!({}));
    std::fs::create_dir_all(&bench.settings.markers_dir).unwrap();
    std::fs::write(bench.settings.markers_dir.join("fault.loading"), "by hand").unwrap();
    bench.run().stop_all();
    let plugin = PluginSettings { isolation: Some(Isolation::InProcess), ..PluginSettings::default() };
    bench.settings.plugins.insert("fault".to_owned(), plugin);
    assert_eq!(bench.load().1.step, Some(Step::Marker));
}

const DAEMON_DIR: &str = "TIELINE_TEST_DAEMON_DIR";

/// Is a daemon that is killed, when another test runs this executable again as one.
#[test]
fn daemon_child() {
    if let Some(dir) = std::env::var_os(DAEMON_DIR) {
        let settings = support::settings(Path::new(&dir));
        let host = Host::new(settings, Arc::<support::Recorder>::default());
        host.load_all();
        println!("pid {}", host.status()[0].pid.unwrap());
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_plugins_process_ends_with_the_daemon() {
    let bench = Bench::with_fault(json!({}));
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["daemon_child", "--exact", "--nocapture"])
        .env(DAEMON_DIR, bench.dir.path())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(daemon.stdout.take().unwrap()));
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("pid ")?.parse().ok()).unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    assert!(is_alive(pid));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while is_alive(pid) {
        assert!(Instant::now() < until, "the process of the plugin is still there");
        std::thread::yield_now();
    }
}

const BABBLE_FLAG: &str = "TIELINE_TEST_BABBLE";

/// Is a process that answers with anything, when another test runs this executable again as one.
#[test]
fn babble_child() {
    let Ok(seed) = std::env::var(BABBLE_FLAG) else { return };
    let seed: u64 = seed.parse().unwrap();
    if seed.is_multiple_of(2) {
        return support::babble(seed, None);
    }
    let file = std::env::args_os().next_back().unwrap();
    let probe = support::settings(Path::new("/")).probe;
    let output = Command::new(&probe[0]).args(&probe[1..]).arg(file).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    support::babble(seed, output.lines().find(|line| line.starts_with('{')));
}

/// Random bytes and frames in the place of a plugin, before and after it has started.
#[test]
fn a_process_that_says_anything_is_ended_with_a_reason() {
    for seed in 1..=40 {
        let mut bench = Bench::with_fault(json!({}));
        // It may say nothing at all.
        bench.settings.call_limit = Duration::from_millis(300);
        bench.settings.stop_limit = Duration::from_millis(300);
        bench.limits.deaths = 2;
        let mut command = child_command(BABBLE_FLAG, "babble_child");
        command[1] = format!("{BABBLE_FLAG}={seed}").into();
        let babble = command.iter_mut().find(|part| part.to_string_lossy().contains("babble_child")).unwrap();
        *babble = "babble_child".into();
        bench.settings.plugin_host = command;
        let (host, status) = bench.load();
        let begun = Instant::now();
        let mut sent = 0;
        let mut status = status;
        while !status.state.is_final() {
            assert!(begun.elapsed() < Duration::from_secs(60), "seed {seed}: {status:?}");
            if host.deliver("fault", vec![wish(1, sent + 1, "nothing")]).is_empty() {
                sent += 1;
            }
            std::thread::yield_now();
            status = host.status().remove(0);
        }
        let reason = status.reason.clone().unwrap_or_default();
        assert!(matches!(status.state, State::Failed | State::Quarantined), "seed {seed}: {status:?}");
        assert!(!reason.is_empty() && !reason.contains("the daemon itself failed"), "seed {seed}: {reason}");
        if sent > 0 {
            assert_answered(&bench, 1..=sent);
        }
        host.stop_all();
    }
}
