//! What the conformance kit asks of a transport, asked of one in a process of its own.
//!
//! The kit calls a library in its own process. Here the host calls through the process, so the promises that a transport
//! makes are looked at from the daemon's side: one answer for everything, no death by garbage, an end in time.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tieline_host::{
    Events, Host, Inbound, Isolation, Kind, Outbound, PluginSettings, Settings, Socket, State, Status, TrustPolicy,
};
use tieline_tests::daemon::{binary, library};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Counts the answers by `corr`.
#[derive(Default)]
struct Answers(Mutex<HashMap<u64, usize>>);

impl Answers {
    fn count(&self) -> HashMap<u64, usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Events for Answers {
    fn inbound(&self, _: &str, messages: &[Inbound<'_>]) -> usize {
        messages.len()
    }
    fn completed(&self, _: &str, _: u64, _: Kind, corr: u64, _: bool, _: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(corr).or_default() += 1;
    }
    fn writable(&self, _: &str) {}
    fn instance_lost(&self, _: &str) {}
    fn changed(&self, _: &Status) {}
    fn plugin_log(&self, _: &str, _: tracing::Level, _: &str, _: &str) {}
}

/// A socket that takes everything.
struct Open;

impl Socket for Open {
    fn send(&self, _: bool, _: Bytes) -> bool {
        true
    }
    fn close(&self, _: u16, _: &str) {}
}

fn settings(dir: &Path, name: &str, file: &Path) -> Settings {
    let plugins_dir = dir.join("plugins");
    std::fs::create_dir_all(&plugins_dir).unwrap();
    std::fs::copy(file, plugins_dir.join(file.file_name().unwrap())).unwrap();
    let plugin = PluginSettings { isolation: Some(Isolation::Process), ..PluginSettings::default() };
    Settings {
        plugins_dir,
        staging_dir: dir.join("staged"),
        markers_dir: dir.join("markers"),
        trust: TrustPolicy::Any,
        trust_file: dir.join("trust.toml"),
        first_party: Vec::new(),
        now_ms: || 0,
        probe: vec![binary().into(), "plugin-probe".into()],
        plugin_host: vec![binary().into(), "plugin-host".into()],
        stock: Vec::new(),
        reserved_paths: Vec::new(),
        plugins: BTreeMap::from([(name.to_owned(), plugin)]),
        call_limit: Duration::from_secs(5),
        stop_limit: Duration::from_secs(5),
    }
}

const TO_PLUGIN: [Kind; 5] = [Kind::Outcome, Kind::Delivery, Kind::Skip, Kind::Progress, Kind::LinkDown];
const LINKS: [u64; 5] = [0, 7, 12_345, 1 << 63, u64::MAX];
const PAYLOADS: [&[u8]; 5] = [
    br#"{"lane":"msg","seq":1,"attempt":1,"maybe_sent":false,"message":{"text":"x"}}"#,
    b"{}",
    b"",
    b"\xff\xfe{not json",
    b"[[[[[[[[",
];

fn keeps_its_promises(name: &str, path: &str, file: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let answers = Arc::new(Answers::default());
    let host = Host::new(settings(dir.path(), name, file), Arc::clone(&answers) as Arc<dyn Events>);
    host.load_all();
    let begun = host.status().remove(0);
    assert_eq!((begun.state, begun.isolation), (State::Running, Some(Isolation::Process)), "{begun:?}");

    let opened = format!(r#"{{"path":"{path}","principal":{{"id":"prn_1","name":"x","kind":"agent","scopes":[]}}}}"#);
    assert!(host.socket_opened(name, 7, opened.into(), Arc::new(Open)));
    let mut sent = 0;
    for round in 0..20 {
        let mut messages = Vec::new();
        for (kind, link) in TO_PLUGIN.into_iter().flat_map(|kind| LINKS.map(|link| (kind, link))) {
            sent += 1;
            let payload = Bytes::from_static(PAYLOADS[(sent + round) as usize % PAYLOADS.len()]);
            messages.push(Outbound { link, kind, corr: sent, payload });
        }
        assert!(host.deliver(name, messages).is_empty());
        let frames = PAYLOADS.map(|payload| (std::str::from_utf8(payload).is_ok(), Bytes::from_static(payload)));
        host.socket_frames(7, frames.to_vec());
    }
    // One that the server does not know any more, and one that nobody has opened.
    host.socket_closed(7, None);
    assert!(!host.socket_frames(8, vec![(true, Bytes::from_static(b"x"))]));

    let until = Instant::now() + PATIENCE;
    while answers.count().len() < sent as usize {
        assert!(Instant::now() < until, "{name}: {} of {sent} are answered", answers.count().len());
        std::thread::yield_now();
    }
    let stopping = Instant::now();
    let before = host.status().remove(0);
    assert_eq!((before.state, before.pid), (State::Running, begun.pid), "it has lived through all of it: {before:?}");
    host.stop_all();
    assert!(stopping.elapsed() < Duration::from_secs(6), "{name} took {:?} to stop", stopping.elapsed());
    assert_eq!(host.status().remove(0).state, State::Stopped);
    assert!(answers.count().values().all(|&count| count == 1), "{name}: one answer each");
}

#[test]
fn the_stock_transport_keeps_its_promises_there() {
    keeps_its_promises("websocket", "/ws", &library("tieline_transport_websocket"));
}

#[test]
fn a_transport_in_c_keeps_its_promises_there() {
    let dir = tempfile::tempdir().unwrap();
    keeps_its_promises("echo-c", "/echo-c", &echo_in_c(dir.path()));
}

/// Compiles the echo transport of the SDK.
pub fn echo_in_c(dir: &Path) -> PathBuf {
    let (root, file) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), dir.join("libecho_c.so"));
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-I"]).arg(root.join("plugins-sdk/include"));
    cc.arg("-o").arg(&file).arg(root.join("plugins-sdk/examples/echo.c"));
    let output = cc.output().expect("a C compiler named `cc` is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}
