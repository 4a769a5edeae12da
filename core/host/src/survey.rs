//! Reads what the plugins of a folder say about themselves, without a daemon and without starting any.

use serde_json::Value;

use crate::{
    Limits, Settings, TrustFile, file_check,
    folder::{self, Found},
    manifest::Manifest,
    pipeline::short_name,
    probe, source,
    status::Refused,
    trust::{self, Asked},
};

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

/// Opens each library of the folder in a child, as the daemon does before it loads one, and returns what it found, by file.
/// What nobody has trusted is not opened here either. A folder that is not there has no plugins.
pub fn survey(settings: &Settings) -> Vec<Surveyed> {
    let found = folder::list(&settings.plugins_dir).unwrap_or_default();
    let declared = |found: &Found| declared(settings, found).map_err(|refused| refused.problem.reason);
    found.into_iter().map(|found| Surveyed { declared: declared(&found), file: found.file }).collect()
}

fn declared(settings: &Settings, found: &Found) -> Result<Declared, Refused> {
    let source = source::read(&found.path)?;
    file_check::check(&source.bytes)?;
    let record = TrustFile::load(&settings.trust_file).map_err(|error| Refused::distrusted(error.to_string()))?;
    let (hash, name) = (source.hash.to_hex(), short_name(&found.file));
    trust::check(settings, &record, &Asked { file: &found.file, name: &name, running: None, hash: &hash })?;
    // What is opened is opened where it lies: when it changes meanwhile, only the child notices.
    let manifest = probe::run(&settings.probe, &found.path, Limits::default().probe_limit)?;
    let Manifest { name, version, config_schema, .. } = manifest;
    Ok(Declared { name, version, config_schema })
}
