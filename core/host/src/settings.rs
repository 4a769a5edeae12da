//! What the host is told by the configuration.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use serde::Serialize;

/// What the host is told by the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the plugins are.
    pub plugins_dir: PathBuf,
    /// Where the copies that are really loaded go.
    pub staging_dir: PathBuf,
    /// Where crash markers go.
    pub markers_dir: PathBuf,
    /// Which files may run without being asked about.
    pub trust: TrustPolicy,
    /// The record of what a person trusts: a [`TrustFile`](crate::TrustFile).
    pub trust_file: PathBuf,
    /// Records of the plugins that came with this daemon; those that do not exist are skipped.
    pub first_party: Vec<PathBuf>,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: fn() -> i64,
    /// The command that runs [`probe`](crate::probe) in a child; the file to probe is appended.
    pub probe: Vec<OsString>,
    /// The command that runs [`plugin_host`](crate::plugin_host) in a child; the file to run is appended.
    pub plugin_host: Vec<OsString>,
    /// The names of the plugins that run inside the daemon without being asked.
    pub stock: Vec<String>,
    /// Paths that no plugin may mount: the first segments of the daemon's own, such as `/v1`.
    pub reserved_paths: Vec<String>,
    /// The section of each plugin, by its name.
    pub plugins: BTreeMap<String, PluginSettings>,
    /// A call that takes longer is a hang.
    pub call_limit: Duration,
    /// How long a plugin has to stop.
    pub stop_limit: Duration,
}

/// Which files may run without being asked about. A file that somebody else could have written never does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrustPolicy {
    /// None.
    Ask,
    /// Those that came with this daemon.
    #[default]
    FirstParty,
    /// All, for development and for containers whose folder is read-only.
    Any,
}

/// The section of one plugin.
#[derive(Debug, Clone)]
pub struct PluginSettings {
    /// Whether it is loaded at all.
    pub enabled: bool,
    /// Where it runs; without a word, a stock plugin inside the daemon and any other in a process of its own.
    pub isolation: Option<Isolation>,
    /// How much memory its process may have, in MiB.
    pub memory_mib: u64,
    /// How many descriptors its process may have open.
    pub open_files: u64,
    /// What it is given at its start.
    pub config: serde_json::Value,
}

impl Default for PluginSettings {
    fn default() -> Self {
        PluginSettings {
            enabled: true,
            isolation: None,
            memory_mib: 512,
            open_files: 256,
            config: serde_json::json!({}),
        }
    }
}

/// Where a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Inside the daemon: a crash of it is a crash of the daemon.
    InProcess,
    /// In a process of its own.
    Process,
}

impl Isolation {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::InProcess => "in-process",
            Isolation::Process => "process",
        }
    }
}

impl Settings {
    /// Returns where a plugin runs whose section does not say it.
    pub(crate) fn usual_isolation(&self, name: &str) -> Isolation {
        let is_stock = self.stock.iter().any(|stock| stock == name);
        if is_stock { Isolation::InProcess } else { Isolation::Process }
    }
}

/// What is not configuration, but shorter in tests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The pause before the first restart; doubled with each death.
    pub backoff_first: Duration,
    /// The longest pause before a restart.
    pub backoff_most: Duration,
    /// How many deaths within the window end the restarts.
    pub deaths: usize,
    /// The window in which deaths are counted.
    pub death_window: Duration,
    /// How long a plugin has to run until its crash marker is removed.
    pub healthy_after: Duration,
    /// How long the probe may take.
    pub probe_limit: Duration,
    /// How long nothing is heard from the process of a plugin until it is asked whether it is there.
    pub heartbeat: Duration,
    /// How long the plugin folder has to be quiet before it is looked at.
    pub quiet: Duration,
    /// How often the plugin folder is looked at when the system does not tell of changes.
    pub poll: Duration,
    /// How long a file that is cut off is waited for without a change.
    pub incomplete_limit: Duration,
    /// How many deliveries may wait for a plugin.
    pub queue_messages: usize,
    /// How many bytes of deliveries may wait for a plugin.
    pub queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(60),
            deaths: 5,
            death_window: Duration::from_secs(600),
            healthy_after: Duration::from_secs(10),
            probe_limit: Duration::from_secs(10),
            heartbeat: Duration::from_secs(5),
            quiet: Duration::from_millis(200),
            poll: Duration::from_secs(2),
            incomplete_limit: Duration::from_secs(30),
            queue_messages: 1024,
            queue_bytes: 4 << 20,
        }
    }
}
