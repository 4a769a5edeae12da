//! A folder with plugins and a host over it.

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

/// The name of the plugin that answers each delivery at once.
pub const ECHO: &str = "fault";
/// The name of the stock plugin.
pub const STOCK: &str = "websocket";
/// How long a plugin may take to run.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A plugin to be put into the folder.
pub struct Guest<'a> {
    /// Its file, which is copied.
    pub file: &'a Path,
    /// Its own name.
    pub name: &'a str,
    /// Where it runs.
    pub isolation: Isolation,
}

/// A folder with plugins and a host over it.
pub struct Place {
    /// The first plugin's file in the folder.
    pub file: PathBuf,
    /// The host.
    pub host: Arc<Host>,
    // Deleted after the host has stopped.
    _dir: TempDir,
}

impl Place {
    /// Copies the plugins and starts them.
    pub fn new(guests: &[Guest<'_>], dir: &Path, events: Arc<dyn Events>) -> Result<Self> {
        let dir = tempfile::tempdir_in(dir)?;
        let plugins_dir = dir.path().join("plugins");
        fs::create_dir(&plugins_dir)?;
        let mut files = Vec::new();
        for guest in guests {
            let file = plugins_dir.join(guest.file.file_name().context("the plugin has no file name")?);
            fs::copy(guest.file, &file).with_context(|| format!("failed to copy `{}`", guest.file.display()))?;
            files.push(file);
        }
        let settings = |guest: &Guest<'_>| {
            let settings = PluginSettings { isolation: Some(guest.isolation), ..PluginSettings::default() };
            (guest.name.to_owned(), settings)
        };
        let settings = settings_in(dir.path(), plugins_dir, guests.iter().map(settings).collect())?;
        // As short as it may be: what is measured begins after it.
        let limits = Limits { quiet: Duration::from_millis(20), healthy_after: Duration::ZERO, ..Limits::default() };
        let host = Host::with_limits(settings, limits, events);
        host.watch().context("the folder of plugins cannot be followed")?;
        let file = files.into_iter().next().context("a folder without plugins")?;
        let place = Self { file, host, _dir: dir };
        for guest in guests {
            place.wait(guest.name, |status| status.state == State::Running)?;
        }
        Ok(place)
    }

    /// Waits until a plugin is as wanted.
    pub fn wait(&self, name: &str, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let begun = Instant::now();
        loop {
            let status = self.host.status().into_iter().find(|status| status.name == name);
            if let Some(status) = status.clone().filter(|status| wanted(status)) {
                return Ok(status);
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the plugin `{name}` is not as wanted: {status:?}");
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
