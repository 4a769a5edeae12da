//! A host on folders of its own, with a listener that remembers everything.
#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tieline_host::{
    Events, Host, Inbound, Kind, Limits, Outbound, PluginSettings, Settings, Socket, State, Status, TrustPolicy,
};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const PROBE_FLAG: &str = "TIELINE_TEST_PROBE";

/// Is the probe when the bench runs this executable again as one.
#[test]
fn probe_child() {
    if std::env::var_os(PROBE_FLAG).is_some() {
        let file = std::env::args_os().next_back().unwrap();
        std::process::exit(tieline_host::probe(Path::new(&file)));
    }
    assert_eq!(tieline_host::probe(Path::new("no such file")), 1);
}

fn probe_command() -> Vec<OsString> {
    let exe = std::env::current_exe().unwrap();
    let mut command: Vec<OsString> = vec!["/usr/bin/env".into(), format!("{PROBE_FLAG}=1").into(), exe.into()];
    // The file that the host appends is taken for the argument of the last flag.
    command
        .extend(["support::probe_child", "--exact", "--nocapture", "--test-threads=2", "--skip"].map(OsString::from));
    command
}

/// Everything that was told.
#[derive(Default)]
pub struct Seen {
    pub inbound: Vec<(u64, Kind, u64, Vec<u8>)>,
    /// The sizes of the batches.
    pub batches: Vec<usize>,
    pub completed: Vec<(u64, Kind, u64, bool, String)>,
    pub writable: usize,
    pub lost: usize,
    pub changes: Vec<Status>,
    pub logs: Vec<(tracing::Level, Value)>,
    pub sent: Vec<(bool, Bytes)>,
    pub closed: Vec<(u16, String)>,
}

#[derive(Default)]
pub struct Recorder {
    seen: Mutex<Seen>,
    changed: Condvar,
    /// How many inbound messages are taken; none = all.
    room: Mutex<Option<usize>>,
}

impl Recorder {
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Limits what is taken.
    pub fn room(&self, room: Option<usize>) {
        *self.room.lock().unwrap() = room;
    }

    /// Waits until the condition holds.
    pub fn wait<R>(&self, what: &str, mut holds: impl FnMut(&mut Seen) -> Option<R>) -> R {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        loop {
            if let Some(found) = holds(&mut seen) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain: {what}; the changes were {:#?}", seen.changes);
            seen = self.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn note<R>(&self, f: impl FnOnce(&mut Seen) -> R) -> R {
        let result = f(&mut self.seen());
        self.changed.notify_all();
        result
    }
}

impl Events for Recorder {
    fn inbound(&self, _plugin: &str, messages: &[Inbound<'_>]) -> usize {
        let taken = match &mut *self.room.lock().unwrap() {
            None => messages.len(),
            Some(room) => {
                let taken = messages.len().min(*room);
                *room -= taken;
                taken
            }
        };
        self.note(|seen| {
            seen.batches.push(taken);
            seen.inbound.extend(messages[..taken].iter().map(|m| (m.link, m.kind, m.corr, m.payload.to_vec())));
        });
        taken
    }
    fn completed(&self, _plugin: &str, link: u64, kind: Kind, corr: u64, ok: bool, detail: &str) {
        self.note(|seen| seen.completed.push((link, kind, corr, ok, detail.to_owned())));
    }
    fn writable(&self, _plugin: &str) {
        self.note(|seen| seen.writable += 1);
    }
    fn instance_lost(&self, _plugin: &str) {
        self.note(|seen| seen.lost += 1);
    }
    fn changed(&self, status: &Status) {
        self.note(|seen| seen.changes.push(status.clone()));
    }
    fn plugin_log(&self, _plugin: &str, level: tracing::Level, _target: &str, json: &str) {
        self.note(|seen| seen.logs.push((level, serde_json::from_str(json).unwrap())));
    }
}

/// The way back to a socket, recorded as well.
pub struct Sink(pub Arc<Recorder>);

impl Socket for Sink {
    fn send(&self, is_text: bool, data: Bytes) -> bool {
        self.0.note(|seen| seen.sent.push((is_text, data)));
        true
    }
    fn close(&self, code: u16, reason: &str) {
        self.0.note(|seen| seen.closed.push((code, reason.to_owned())));
    }
}

/// Folders, settings and a listener.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub settings: Settings,
    pub limits: Limits,
    pub seen: Arc<Recorder>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::at(tempfile::tempdir().unwrap())
    }

    pub fn at(dir: tempfile::TempDir) -> Bench {
        let settings = settings(dir.path());
        std::fs::create_dir_all(&settings.plugins_dir).unwrap();
        std::fs::set_permissions(&settings.plugins_dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let (backoff_first, quiet) = (Duration::from_millis(10), Duration::from_millis(20));
        let limits = Limits { backoff_first, quiet, ..Limits::default() };
        Bench { dir, settings, limits, seen: Arc::default() }
    }

    /// Puts the fault plugin in place, with a configuration.
    pub fn with_fault(config: Value) -> Bench {
        let mut bench = Bench::new();
        bench.put("libfault.so", &version(0));
        bench.configure(config);
        bench
    }

    /// Puts a file into the plugin folder, whole, in place of what has this name.
    pub fn put(&self, file: &str, content: &[u8]) {
        let half = self.settings.plugins_dir.join(format!(".{file}.part"));
        std::fs::write(&half, content).unwrap();
        // Also where new files can be written by a group.
        std::fs::set_permissions(&half, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::rename(half, self.path(file)).unwrap();
    }

    /// Returns the path of a file in the plugin folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.settings.plugins_dir.join(file)
    }

    /// Returns the copies of libraries, by name.
    pub fn staged(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.settings.staging_dir).unwrap().map(|entry| entry.unwrap().path());
        let mut staged: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "so")).collect();
        staged.sort();
        staged
    }

    pub fn configure(&mut self, config: Value) {
        self.settings.plugins.insert("fault".to_owned(), PluginSettings { config, ..PluginSettings::default() });
    }

    /// Compiles a plugin in C.
    pub fn compile(&self, name: &str, code: &str) -> PathBuf {
        let source = self.dir.path().join(format!("{name}.c"));
        std::fs::write(&source, code).unwrap();
        let library = self.settings.plugins_dir.join(format!("lib{name}.so"));
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins-sdk/include");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-I"])
            .arg(sdk)
            .arg("-o")
            .args([&library, &source])
            .output()
            .expect("a C compiler named `cc` is needed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::set_permissions(&library, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        library
    }

    pub fn host(&self) -> Arc<Host> {
        Host::with_limits(self.settings.clone(), self.limits.clone(), self.seen.clone())
    }

    /// Loads everything, and returns the host with the status of the only file.
    pub fn load(&self) -> (Arc<Host>, Status) {
        let host = self.host();
        host.load_all();
        let mut status = host.status();
        assert_eq!(status.len(), 1, "{status:?}");
        (host, status.remove(0))
    }

    /// Loads everything, which has to work.
    pub fn run(&self) -> Arc<Host> {
        let (host, status) = self.load();
        assert_eq!(status.state, State::Running, "{status:?}");
        host
    }

    /// Waits for a state.
    pub fn wait_for(&self, host: &Host, state: State) -> Status {
        self.seen.wait(&format!("{state:?}"), |_| host.status().into_iter().find(|status| status.state == state))
    }
}

pub fn settings(dir: &Path) -> Settings {
    Settings {
        plugins_dir: dir.join("plugins"),
        staging_dir: dir.join("staged"),
        markers_dir: dir.join("markers"),
        trust: TrustPolicy::Any,
        trust_file: dir.join("trust.toml"),
        first_party: Vec::new(),
        now_ms: || 1,
        probe: probe_command(),
        stock: vec!["fault".to_owned(), "c".to_owned()],
        plugins: BTreeMap::new(),
        call_limit: Duration::from_secs(10),
        stop_limit: Duration::from_secs(10),
    }
}

/// Finds the fault plugin among what was built with this test.
pub fn fault_plugin() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let deps = exe.parent().unwrap();
    let name = format!("{}tieline_fault_plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let places = [deps.join(&name), deps.parent().unwrap().join(&name)];
    let found = places.iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("the fault plugin was not built: none of {places:?}")).clone()
}

/// Returns the fault plugin as a file that differs from those of other numbers by what stands behind its end.
pub fn version(number: usize) -> Vec<u8> {
    let mut bytes = std::fs::read(fault_plugin()).unwrap();
    bytes.extend(std::iter::repeat_n(b'\n', number));
    bytes
}

/// Returns the hash of a content in hexadecimal.
pub fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

pub fn delivery(link: u64, corr: u64, payload: Value) -> Outbound {
    Outbound { link, kind: Kind::Delivery, corr, payload: Bytes::from(payload.to_string()) }
}

/// A delivery that asks for something.
pub fn wish(link: u64, corr: u64, what: &str) -> Outbound {
    delivery(link, corr, json!({ "do": what }))
}

/// The source of a small plugin in C. `change` may define macros that the source looks at, and a constructor.
pub fn c_plugin(change: &str) -> String {
    format!("{change}\n{}", include_str!("plugin.c"))
}
