//! Reads what the plugins of a folder say about themselves, without a daemon and without starting any.

use std::{ffi::OsString, path::Path};

use serde_json::Value;

use crate::{Limits, file_check, manifest::Manifest, pipeline, probe, stage, status::Problem};

/// A file of the plugin folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveyed {
    /// Its name.
    pub file: String,
    /// What it says about itself, or why that cannot be read.
    pub declared: Result<Declared, String>,
}

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The JSON Schema of its settings.
    pub config_schema: Value,
}

/// Opens each library of the folder in a child, as the daemon does before it loads one, and returns what it found, by
/// file. `command` runs [`probe`](crate::probe()) in a child. A folder that is not there has no plugins.
pub fn survey(command: &[OsString], dir: &Path) -> Vec<Surveyed> {
    let files = pipeline::files(dir).unwrap_or_default();
    files.iter().map(|file| Surveyed { file: name(file), declared: declared(command, file) }).collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn declared(command: &[OsString], file: &Path) -> Result<Declared, String> {
    // What is opened is opened where it lies: when it changes meanwhile, only the child notices.
    let manifest = stage::read(file)
        .and_then(|bytes| file_check::check(&bytes))
        .and_then(|()| probe::run(command, file, Limits::default().probe_limit))
        .map_err(|Problem { reason, .. }| reason)?;
    let Manifest { name, version, config_schema, .. } = manifest;
    Ok(Declared { name, version, config_schema })
}
