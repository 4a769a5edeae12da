//! A folder with one plugin and a host over it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tieline_host::{Events, Host, Isolation, Limits, PluginSettings, Settings, State, Status, TrustPolicy};

/// How long a plugin may take to run.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A folder with one plugin and a host over it.
pub struct Place {
    /// The plugin's file in the folder.
    pub file: PathBuf,
    /// The host.
    pub host: Arc<Host>,
    // Deleted after the host has stopped.
    _dir: TempDir,
}

impl Place {
    /// Copies the plugin and starts it.
    pub fn new(plugin: &Path, name: &str, isolation: Isolation, dir: &Path, events: Arc<dyn Events>) -> Result<Self> {
        let dir = tempfile::tempdir_in(dir)?;
        let plugins_dir = dir.path().join("plugins");
        fs::create_dir(&plugins_dir)?;
        let file = plugins_dir.join(plugin.file_name().context("the plugin has no file name")?);
        fs::copy(plugin, &file).with_context(|| format!("failed to copy `{}`", plugin.display()))?;
        let settings = PluginSettings { isolation: Some(isolation), ..PluginSettings::default() };
        let settings = settings_in(dir.path(), plugins_dir, BTreeMap::from([(name.to_owned(), settings)]))?;
        // As short as it may be: what is measured begins after it.
        let limits = Limits { quiet: Duration::from_millis(20), healthy_after: Duration::ZERO, ..Limits::default() };
        let host = Host::with_limits(settings, limits, events);
        host.watch().context("the folder of plugins cannot be followed")?;
        let place = Self { file, host, _dir: dir };
        place.wait(|status| status.state == State::Running)?;
        Ok(place)
    }

    /// Waits until the plugin is as wanted.
    pub fn wait(&self, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let begun = Instant::now();
        loop {
            let status = self.host.status().into_iter().next();
            if let Some(status) = status.clone().filter(|status| wanted(status)) {
                return Ok(status);
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the plugin is not as wanted: {status:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.host.stop_all();
    }
}

fn settings_in(dir: &Path, plugins_dir: PathBuf, plugins: BTreeMap<String, PluginSettings>) -> Result<Settings> {
    let own = std::env::current_exe().context("the path of this program is not known")?;
    let command = |verb: &str| -> Vec<OsString> { vec![own.clone().into_os_string(), verb.into()] };
    Ok(Settings {
        plugins_dir,
        staging_dir: dir.join("staged"),
        markers_dir: dir.join("markers"),
        trust: TrustPolicy::Any,
        trust_file: dir.join("trust.toml"),
        first_party: Vec::new(),
        now_ms: || 0,
        probe: command("plugin-probe"),
        plugin_host: command("plugin-host"),
        stock: Vec::new(),
        reserved_paths: Vec::new(),
        plugins,
        call_limit: Duration::from_secs(5),
        stop_limit: Duration::from_secs(5),
    })
}
