//! What the plugin host is told, from the home and the configuration.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tieline_config::{Config, Home, Isolation, Trust};
use tieline_engine::clock::Clock;
use tieline_host::{FirstParty, TrustPolicy};

/// The one that carries most of the traffic.
const WEBSOCKET: &str = "websocket";
/// The plugins that are part of Tieline: they run inside the daemon without being asked. What `terminal` starts would otherwise have
/// the limits of a plugin's process, and agent programs need more than that.
const STOCK_PLUGINS: [&str; 2] = ["terminal", WEBSOCKET];

/// Returns what the host is told.
pub fn settings(home: &Home, config: &Config) -> anyhow::Result<tieline_host::Settings> {
    let own = std::env::current_exe().context("the path of this program is not known")?;
    let mut plugins = std::collections::BTreeMap::new();
    for (name, plugin) in config.plugins.iter() {
        let settings = tieline_host::PluginSettings {
            enabled: plugin.enabled,
            isolation: plugin.isolation.map(isolation),
            memory_mib: plugin.memory_mib,
            open_files: plugin.open_files,
            config: plugin.settings_json(),
        };
        plugins.insert(name.clone(), settings);
    }
    let websocket = plugins.entry(WEBSOCKET.to_owned()).or_default();
    if let Some(settings) = websocket.config.as_object_mut() {
        settings.entry("hello_ms").or_insert_with(|| config.server.hello_ms.into());
    }
    Ok(tieline_host::Settings {
        plugins_dir: home.plugins_dir(),
        staging_dir: home.staging_dir(),
        markers_dir: home.markers_dir(),
        trust: match config.plugins.trust {
            Trust::Ask => TrustPolicy::Ask,
            Trust::FirstParty => TrustPolicy::FirstParty,
            Trust::Any => TrustPolicy::Any,
        },
        trust_file: home.trust_file(),
        first_party: first_party(&own),
        now_ms: || Clock::real().now().0,
        probe: command(&own, "plugin-probe"),
        plugin_host: command(&own, "plugin-host"),
        stock: STOCK_PLUGINS.map(str::to_owned).to_vec(),
        reserved_paths: tieline_server::reserved_paths(),
        plugins,
        call_limit: Duration::from_secs(5),
        stop_limit: Duration::from_secs(5),
    })
}

fn isolation(isolation: Isolation) -> tieline_host::Isolation {
    match isolation {
        Isolation::InProcess => tieline_host::Isolation::InProcess,
        Isolation::Process => tieline_host::Isolation::Process,
    }
}

/// Returns where an installation says which plugins are its own: beside the binary after a build, and beside the plugins
/// after `cargo xtask install`.
fn first_party(own: &Path) -> Vec<PathBuf> {
    // The binary may have been started through a link.
    let own = std::fs::canonicalize(own).unwrap_or_else(|_| own.to_owned());
    let beside = own.parent();
    let folders =
        [beside.map(Path::to_owned), beside.and_then(Path::parent).map(|dir| dir.join("lib/tieline/plugins"))];
    folders.into_iter().flatten().map(|dir| dir.join(FirstParty::FILE)).collect()
}

/// A hidden command of this binary, as the host starts it.
fn command(own: &Path, verb: &str) -> Vec<OsString> {
    vec![own.to_owned().into(), verb.into()]
}
