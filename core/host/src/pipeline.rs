//! Takes the content of a file through the steps that come before it is opened here.
//!
//! Complete? Trusted? Copied. Probed in a child. Free of conflicts? No ends of the daemon on its account? Only what has
//! passed them all is given to a driver.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Isolation, PluginSettings, Settings, State, Step, TrustFile,
    driver::Job,
    file_check, files,
    manifest::Manifest,
    marker::Marker,
    ownership, probe, proof,
    slot::{DISABLED, Shared, Slot},
    source::Source,
    stage,
    status::{Again, Problem, Refused},
    trust::{self, Asked},
};

/// What the way of a content through the steps depends on.
pub(crate) struct Way<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// The plugin that this file stands for already.
    pub own: Option<&'a Arc<Slot>>,
    /// Plugins whose file is gone: they stop soon.
    pub leaving: &'a [Arc<Slot>],
    /// What a person calls it.
    pub name: &'a str,
    /// Copies that must not be used again.
    pub spoiled: &'a BTreeSet<PathBuf>,
    /// Earlier ends of the daemon do not count.
    pub is_forgiven: bool,
}

/// A content that may be opened and started.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The copy.
    pub path: PathBuf,
    pub hash: blake3::Hash,
    pub manifest: Manifest,
    /// A process of its own cannot take this one down, and needs none.
    pub marker: Option<Arc<Marker>>,
    pub isolation: Isolation,
    /// It has run before, which is written down.
    pub is_proven: bool,
    settings: PluginSettings,
}

impl Ready {
    /// Returns what the driver is told.
    pub(crate) fn job(&self) -> Job {
        Job {
            path: self.path.clone(),
            manifest: self.manifest.clone(),
            marker: self.marker.clone(),
            isolation: self.isolation,
            settings: self.settings.clone(),
        }
    }
}

/// Checks, copies, probes; opens nothing here.
pub(crate) fn prepare(shared: &Shared, source: &Source, way: &Way<'_>) -> Result<Ready, Refused> {
    let settings = &shared.settings;
    let short = short_name(way.file);
    let record = TrustFile::load(&settings.trust_file).map_err(|error| Refused::distrusted(error.to_string()))?;
    enabled(shared, &record, &short)?;
    safe(&settings.staging_dir)?;
    let path = stage::path(&settings.staging_dir, &short, &source.hash, way.spoiled);
    let proven = proof::find(&path, &source.hash);
    if proven.is_none() {
        file_check::check(&source.bytes)?;
    }
    let running = way.own.map(|own| own.status()).filter(|status| !status.state.is_final());
    let running = running.and_then(|status| status.hash);
    let hash = source.hash.to_hex();
    let asked = Asked { file: way.file, name: way.name, running: running.as_deref(), hash: &hash };
    trust::check(settings, &record, &asked)?;

    // After an end of the daemon on its account it is looked at as if for the first time.
    let proven = proven.filter(|manifest| !Marker::is_there(&settings.markers_dir, &manifest.name));
    let is_proven = proven.is_some();
    let manifest = match proven {
        Some(manifest) => manifest,
        None => {
            stage::copy(source, &path)?;
            probe::run(&settings.probe, &path, shared.limits.probe_limit)?
        }
    };
    let name = &manifest.name;
    manifest.check_reserved(&settings.reserved_paths)?;
    if let Some(problem) = taken(shared, way, &manifest) {
        return Err(Refused { again: Again::Room, ..problem.into() });
    }
    // Whatever refuses it from here on, it is known by its own name.
    if let Some(own) = way.own.filter(|own| own.is_unborn()) {
        own.known_as(&manifest);
    }
    enabled(shared, &record, name)?;
    let plugin = shared.section(name);
    manifest.check_settings(&plugin.config)?;
    let isolation = shared.isolation(name);
    let marker = match isolation {
        Isolation::Process => None,
        Isolation::InProcess => Some(Arc::new(marker(settings, &manifest, source, way, &plugin)?)),
    };
    Ok(Ready { path, hash: source.hash, manifest, marker, isolation, settings: plugin, is_proven })
}

/// Looks whether the daemon has ended while this content was starting inside it.
fn marker(
    settings: &Settings,
    manifest: &Manifest,
    source: &Source,
    way: &Way<'_>,
    plugin: &PluginSettings,
) -> Result<Marker, Refused> {
    if way.is_forgiven {
        Marker::forgive(&settings.markers_dir, &manifest.name);
    }
    Marker::inspect(&settings.markers_dir, &manifest.name, &source.hash, &plugin.config.to_string())
        .map_err(|problem| Refused::new(State::Quarantined, problem))
}

/// Makes the folder of the copies. What lies there is opened, so nobody else may write it.
fn safe(dir: &Path) -> Result<(), Refused> {
    files::private_dir(dir).map_err(|error| {
        Problem::new(Step::Stage, format!("failed to make the folder of copies `{}`: {error}", dir.display()))
    })?;
    ownership::check_folder(dir).map_err(|doubt| Refused::distrusted(doubt.to_string()))
}

fn enabled(shared: &Shared, record: &TrustFile, name: &str) -> Result<(), Refused> {
    let disabled = |reason: String| Err(Refused::new(State::Disabled, Problem::new(Step::Trust, reason)));
    if shared.is_configured_off(name) {
        return disabled(format!("its configuration says `enabled = false` in [plugins.{name}]"));
    }
    if record.is_disabled(name) {
        return disabled(DISABLED.to_owned());
    }
    Ok(())
}

/// Says who has the name or a path already.
fn taken(shared: &Shared, way: &Way<'_>, manifest: &Manifest) -> Option<Problem> {
    let name = &manifest.name;
    shared.find(|other| {
        let status = other.status();
        let makes_room = way.own.into_iter().chain(way.leaving).any(|slot| Arc::ptr_eq(slot, other));
        if makes_room || status.version.is_none() || status.state.is_final() {
            return None;
        }
        if status.name == *name {
            let reason = format!("the plugin calls itself `{name}`, and so does `{}`, which is loaded", status.file);
            return Some(Problem::new(Step::Manifest, reason));
        }
        let path = other.paths().into_iter().find(|path| manifest.paths().any(|own| own == path))?;
        let reason = format!("the path `{path}` is held by `{}` already", status.name);
        Some(Problem::new(Step::Manifest, reason))
    })
}

/// Makes a name of a file's name, until the manifest is known.
pub(crate) fn short_name(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    stem.strip_prefix("tieline_transport_").unwrap_or(stem).chars().take(64).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_becomes_a_plain_name() {
        assert_eq!(short_name("libtieline_transport_websocket.so"), "websocket");
        assert_eq!(short_name("My Plugin.v2.so"), "my-plugin-v2");
        assert_eq!(short_name("so"), "so");
    }
}
