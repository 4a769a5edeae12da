//! Measures what a message costs in a plugin inside the daemon, and in one in a process of its own.
//!
//! `cargo run --release -p tieline-host --example echo_trip -- PLUGIN [ROUNDS]` hands deliveries of 512 bytes to the plugin
//! in the library PLUGIN, which has to answer each at once (the echo and the fault plugin do), and prints a line of JSON
//! for each form: the round trip of one message from `Host::deliver` to `Events::completed`, and the time per message in
//! batches of 64.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tieline_host::{Events, Host, Inbound, Isolation, Kind, Outbound, PluginSettings, Settings, State, Status};

const PAYLOAD: usize = 512;
const BATCH: usize = 64;

/// Counts the answers.
#[derive(Default)]
struct Answers {
    count: Mutex<usize>,
    more: Condvar,
}

impl Answers {
    fn wait(&self, wanted: usize) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.more.wait_while(count, |count| *count < wanted));
    }
}

impl Events for Answers {
    fn inbound(&self, _: &str, messages: &[Inbound<'_>]) -> usize {
        messages.len()
    }
    fn completed(&self, _: &str, _: u64, _: Kind, _: u64, _: bool, _: &str) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_one();
    }
    fn writable(&self, _: &str) {}
    fn instance_lost(&self, _: &str) {}
    fn changed(&self, _: &Status) {}
    fn plugin_log(&self, _: &str, _: tracing::Level, _: &str, _: &str) {}
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["plugin-host", file] => tieline_host::plugin_host(Path::new(file)),
        ["plugin-probe", file] => std::process::exit(tieline_host::probe(Path::new(file))),
        [plugin] => measure(Path::new(plugin), 20_000),
        [plugin, rounds] => measure(Path::new(plugin), rounds.parse().map_err(io::Error::other)?),
        _ => Err(io::Error::other("wanted: PLUGIN [ROUNDS]")),
    }
}

fn measure(plugin: &Path, rounds: usize) -> io::Result<()> {
    for isolation in [Isolation::InProcess, Isolation::Process] {
        let dir = std::env::temp_dir().join(format!("echo-trip-{}", std::process::id()));
        let measured = trips(&dir, plugin, isolation, rounds);
        fs::remove_dir_all(&dir)?;
        println!("{}", measured?);
    }
    Ok(())
}

fn trips(dir: &Path, plugin: &Path, isolation: Isolation, rounds: usize) -> io::Result<serde_json::Value> {
    let plugins_dir = dir.join("plugins");
    fs::create_dir_all(&plugins_dir)?;
    fs::copy(plugin, plugins_dir.join(format!("plugin.{}", std::env::consts::DLL_EXTENSION)))?;
    let answers = Arc::new(Answers::default());
    let host = Host::new(settings(dir, plugins_dir, isolation)?, Arc::clone(&answers) as Arc<dyn Events>);
    host.load_all();
    let status = host.status();
    let status = status.first().ok_or_else(|| io::Error::other("no plugin was found"))?;
    if status.state != State::Running {
        return Err(io::Error::other(format!("the plugin does not run: {status:?}")));
    }

    let payload = Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(PAYLOAD - 11)));
    let message = |corr| Outbound { link: 1, kind: Kind::Delivery, corr, payload: payload.clone() };
    let mut sent = 0;
    let mut send = |n: usize| {
        let refused = host.deliver(&status.name, (0..n).map(|_| message(sent as u64)).collect());
        assert!(refused.is_empty(), "one batch at a time fits");
        sent += n;
        answers.wait(sent);
    };
    (0..rounds / 10).for_each(|_| send(1));
    let mut single: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            send(1);
            begun.elapsed()
        })
        .collect();
    single.sort_unstable();
    let begun = Instant::now();
    (0..rounds / BATCH).for_each(|_| send(BATCH));
    let batched = begun.elapsed().as_nanos() / (rounds / BATCH * BATCH).max(1) as u128;
    host.stop_all();
    let at = |percent: usize| single[(single.len() - 1) * percent / 100].as_nanos() as u64;
    Ok(serde_json::json!({
        "isolation": isolation,
        "payload_bytes": PAYLOAD,
        "round_trip_p50_ns": at(50),
        "round_trip_p99_ns": at(99),
        "batched_ns_per_message": batched as u64,
    }))
}

fn settings(dir: &Path, plugins_dir: PathBuf, isolation: Isolation) -> io::Result<Settings> {
    let own = std::env::current_exe()?;
    let command = |verb: &str| vec![own.clone().into_os_string(), verb.into()];
    let plugin = PluginSettings { isolation: Some(isolation), ..PluginSettings::default() };
    Ok(Settings {
        plugins_dir,
        staging_dir: dir.join("staged"),
        markers_dir: dir.join("markers"),
        probe: command("plugin-probe"),
        plugin_host: command("plugin-host"),
        stock: Vec::new(),
        reserved_paths: Vec::new(),
        plugins: BTreeMap::from(["fault", "echo", "example-echo"].map(|name| (name.to_owned(), plugin.clone()))),
        call_limit: Duration::from_secs(5),
        stop_limit: Duration::from_secs(5),
    })
}
