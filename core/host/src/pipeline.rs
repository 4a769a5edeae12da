//! Takes a file through the steps that come before it is opened here, and then hands it to its driver.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    State, Step,
    driver::{self, Job},
    marker::Marker,
    probe,
    slot::{Shared, Slot},
    stage,
    status::Problem,
    trust,
};

/// Why a file is not loaded.
enum No {
    Disabled(String),
    Quarantined(Problem),
    Failed(Problem),
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        No::Failed(problem)
    }
}

/// Returns the libraries of the plugin folder, by name.
pub(crate) fn files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_library = path.extension().is_some_and(|end| end == "so" || end == "dylib");
        if is_library && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Loads one file. When this returns, the plugin runs or its status says why not.
pub(crate) fn load(shared: &Arc<Shared>, path: &Path) {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let slot = Slot::new(short_name(&file), file.clone());
    {
        let mut slots = shared.slots.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let running = |slot: &Arc<Slot>| slot.status().file == file && !slot.status().state.is_final();
        if slots.iter().any(running) {
            return;
        }
        slots.retain(|slot| slot.status().file != file);
        slots.push(Arc::clone(&slot));
    }
    let job = prepare(shared, &slot, path).and_then(|job| driver::spawn(shared, &slot, job).map_err(No::from));
    match job {
        // Bounded by the watchdog.
        Ok(()) => {
            slot.wait(None, |state| state != State::Starting);
        }
        Err(No::Failed(problem)) => {
            slot.set(shared, State::Failed, Some(problem));
        }
        Err(No::Quarantined(problem)) => {
            slot.set(shared, State::Quarantined, Some(problem));
        }
        Err(No::Disabled(reason)) => {
            slot.set(shared, State::Disabled, Some(Problem::new(Step::Trust, reason)));
        }
    }
}

/// Checks, copies, probes; opens nothing here.
fn prepare(shared: &Shared, slot: &Slot, path: &Path) -> Result<Job, No> {
    let settings = &shared.settings;
    let short = slot.name();
    enabled(shared, &short)?;
    let staged = stage::stage(path, &short, &settings.staging_dir)?;
    slot.hashed(&staged.hash);
    let manifest = probe::run(&settings.probe, &staged.path, shared.limits.probe_limit)?;
    let name = &manifest.name;
    if let Some(problem) = taken(shared, slot, name, &manifest.sockets) {
        return Err(No::Failed(problem));
    }
    slot.named(name, &manifest.version, &manifest.sockets);
    enabled(shared, name)?;
    trust::check(name, settings)?;
    let config = settings.plugins.get(name).map_or_else(|| "{}".to_owned(), |plugin| plugin.config.to_string());
    let marker =
        Marker::inspect(&settings.markers_dir, name, &staged.hash, &config).map_err(No::Quarantined).map(Arc::new)?;
    slot.keep_marker(Arc::clone(&marker));
    Ok(Job { path: staged.path, manifest, marker, config })
}

fn enabled(shared: &Shared, name: &str) -> Result<(), No> {
    match shared.settings.plugins.get(name) {
        Some(plugin) if !plugin.enabled => {
            Err(No::Disabled(format!("its configuration says `enabled = false` in [plugins.{name}]")))
        }
        _ => Ok(()),
    }
}

/// Says who has the name or a socket path already.
fn taken(shared: &Shared, own: &Slot, name: &str, sockets: &[String]) -> Option<Problem> {
    for other in shared.slots() {
        let status = other.status();
        if std::ptr::eq(&*other, own) || status.version.is_none() || status.state.is_final() {
            continue;
        }
        if status.name == name {
            let reason = format!("the plugin calls itself `{name}`, and so does `{}`, which is loaded", status.file);
            return Some(Problem::new(Step::Manifest, reason));
        }
        if let Some(path) = other.sockets().iter().find(|path| sockets.contains(path)) {
            let reason = format!("the socket path `{path}` is held by `{}` already", status.name);
            return Some(Problem::new(Step::Manifest, reason));
        }
    }
    None
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
