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
    Denied, Events, Host, Inbound, Isolation, Kind, Limits, Metric, Outbound, PluginSettings, Settings, Socket, State,
    Status, TrustPolicy,
};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const PROBE_FLAG: &str = "TIELINE_TEST_PROBE";
const HOST_FLAG: &str = "TIELINE_TEST_PLUGIN_HOST";

/// Is the probe when the bench runs this executable again as one.
#[test]
fn probe_child() {
    if std::env::var_os(PROBE_FLAG).is_some() {
        let file = std::env::args_os().next_back().unwrap();
        std::process::exit(tieline_host::probe(Path::new(&file)));
    }
    assert_eq!(tieline_host::probe(Path::new("no such file")), 1);
}

/// Is the process of a plugin when the bench runs this executable again as one.
#[test]
fn plugin_host_child() {
    if std::env::var_os(HOST_FLAG).is_some() {
        let file = std::env::args_os().next_back().unwrap();
        tieline_host::plugin_host(Path::new(&file));
    }
}

/// The command that runs one of the tests above in a process of its own, with its flag set.
pub fn child_command(flag: &str, test: &str) -> Vec<OsString> {
    let exe = std::env::current_exe().unwrap();
    let mut command: Vec<OsString> = vec!["/usr/bin/env".into(), format!("{flag}=1").into(), exe.into()];
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::{test}");
    // The file that the host appends is taken for the argument of the last flag.
    command.extend([&test, "--exact", "--nocapture", "--test-threads=2", "--skip"].map(OsString::from));
    command
}

/// Where plugins run in this test: in these files, each in a process of its own.
pub fn isolation() -> Isolation {
    match env!("CARGO_CRATE_NAME") {
        "apart" | "deaths" => Isolation::Process,
        _ => Isolation::InProcess,
    }
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
    pub kv: BTreeMap<(String, String), Vec<u8>>,
    pub metrics: Vec<(bool, String, f64, BTreeMap<String, String>)>,
    /// What every service answers, when none works.
    pub denied: Option<Denied>,
}

impl Seen {
    fn serve<R>(&mut self, f: impl FnOnce(&mut Seen) -> Result<R, Denied>) -> Result<R, Denied> {
        self.denied.map_or_else(|| f(self), Err)
    }
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
    fn kv_get(&self, plugin: &str, key: &str) -> Result<Vec<u8>, Denied> {
        let key = (plugin.to_owned(), key.to_owned());
        self.note(|seen| seen.serve(|seen| seen.kv.get(&key).cloned().ok_or(Denied::NotFound)))
    }
    fn kv_put(&self, plugin: &str, key: &str, value: &[u8]) -> Result<(), Denied> {
        let key = (plugin.to_owned(), key.to_owned());
        self.note(|seen| {
            seen.serve(|seen| {
                seen.kv.insert(key, value.to_vec());
                Ok(())
            })
        })
    }
    fn kv_delete(&self, plugin: &str, key: &str) -> Result<(), Denied> {
        let key = (plugin.to_owned(), key.to_owned());
        self.note(|seen| seen.serve(|seen| seen.kv.remove(&key).map(drop).ok_or(Denied::NotFound)))
    }
    fn kv_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, Denied> {
        let keys = |seen: &mut Seen| {
            let own = seen.kv.keys().filter(|(of, key)| of == plugin && key.starts_with(prefix));
            Ok(own.map(|(_, key)| key.clone()).collect())
        };
        self.note(|seen| seen.serve(keys))
    }
    fn secret(&self, plugin: &str, name: &str) -> Result<Vec<u8>, Denied> {
        self.note(|seen| seen.serve(|_| Ok(format!("the {name} of {plugin}").into_bytes())))
    }
    fn metric(&self, _plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        let Metric { is_counter, name, value, labels } = metric;
        self.note(|seen| {
            seen.serve(|seen| {
                seen.metrics.push((is_counter, name.to_owned(), value, labels));
                Ok(())
            })
        })
    }
    fn principal(&self, plugin: &str, link: u64) -> Result<Vec<u8>, Denied> {
        self.note(|seen| seen.serve(|_| Ok(format!(r#"{{"name":"{plugin}","link":{link}}}"#).into_bytes())))
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
        let plugin = PluginSettings { config, ..self.settings.plugins["fault"].clone() };
        self.settings.plugins.insert("fault".to_owned(), plugin);
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
    let plugin = PluginSettings { isolation: Some(isolation()), ..PluginSettings::default() };
    Settings {
        plugins_dir: dir.join("plugins"),
        staging_dir: dir.join("staged"),
        markers_dir: dir.join("markers"),
        trust: TrustPolicy::Any,
        trust_file: dir.join("trust.toml"),
        first_party: Vec::new(),
        now_ms: || 1,
        probe: child_command(PROBE_FLAG, "probe_child"),
        plugin_host: child_command(HOST_FLAG, "plugin_host_child"),
        stock: vec!["fault".to_owned(), "c".to_owned()],
        reserved_paths: vec!["/v1".to_owned(), "/healthz".to_owned()],
        plugins: ["fault", "c"].map(|name| (name.to_owned(), plugin.clone())).into(),
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

/// Answers each call of the host with anything: bytes, frames of any content, and replies, as the seed says. With a
/// manifest it is a plugin that has started before.
pub fn babble(seed: u64, manifest: Option<&str>) {
    use std::{
        io::{Read, Write},
        os::{fd::AsFd, unix::net::UnixStream},
    };
    let mut line = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut heard = vec![0; 1 << 16];
    let reply = |status: u8, data: &[u8]| {
        let mut body = vec![65, status, 0, 0, 0, 0, 0, 0, 0];
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(data);
        [&(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    // Open, create, start.
    for data in manifest.into_iter().flat_map(|manifest| [manifest, "", ""]) {
        if !matches!(line.read(&mut heard), Ok(1..)) || line.write_all(&reply(0, data.as_bytes())).is_err() {
            return;
        }
    }
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    // Bounded: in the end it is silent, and the host hears that.
    for _ in 0..50 {
        let mut said: Vec<u8> = Vec::new();
        for _ in 0..=random(4) {
            let mut body: Vec<u8> = (0..random(40)).map(|_| random(256) as u8).collect();
            match random(4) {
                0 => {}
                1 => {
                    said.extend(reply(random(7) as u8, &body));
                    continue;
                }
                _ => body.insert(0, 64 + random(14) as u8),
            }
            if random(8) > 0 {
                said.extend((body.len() as u32).to_le_bytes());
            }
            said.extend(body);
        }
        if !matches!(line.read(&mut heard), Ok(1..)) || line.write_all(&said).is_err() {
            return;
        }
    }
}
