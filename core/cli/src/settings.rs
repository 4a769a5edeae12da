//! What the plugins of the home want in their settings, read without a daemon.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tieline_config::{Home, Layers, Loaded, Problems, SettingMistake, load, load_with};
use tieline_host::{Surveyed, schema, survey};

use crate::{exit::Failed, host};

/// A plugin or a section whose settings could not be checked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// The file, or the section.
    pub what: String,
    /// Why.
    pub why: String,
}

/// A configuration that was checked together with the settings of plugins.
pub struct Checked {
    /// The configuration, or everything that is wrong with it.
    pub loaded: Result<Loaded, Problems>,
    /// What was left out.
    pub unchecked: Vec<Unchecked>,
}

/// Checks the configuration, and the settings of each plugin against the schema of its manifest.
pub fn check(home: &Home, layers: &Layers) -> Result<Checked, Failed> {
    let dir = home.plugins_dir();
    // With mistakes in it, it still says nothing else about trust than the defaults.
    let config = load(layers).or_else(|_| load(&Layers::default()));
    let surveyed = match config {
        Ok(loaded) => survey(&host::settings(home, &loaded.config)?),
        Err(_) => Vec::new(),
    };
    let mut unchecked = Vec::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for Surveyed { file, declared } in surveyed {
        match declared {
            Ok(declared) => {
                let keywords = schema::unchecked(&declared.config_schema);
                if !keywords.is_empty() {
                    let why = format!("its schema uses {}, which is not looked at", keywords.join(", "));
                    unchecked.push(Unchecked { what: file, why });
                }
                schemas.insert(declared.name, declared.config_schema);
            }
            Err(why) => unchecked.push(Unchecked { what: file, why }),
        }
    }
    let names: Vec<String> = schemas.keys().cloned().collect();
    let loaded = load_with(layers, &names, &|name, settings| {
        let mistakes = schemas.get(name).map(|wanted| schema::check(wanted, settings)).unwrap_or_default();
        mistakes
            .into_iter()
            .map(|schema::Mistake { path, found, wanted }| SettingMistake { path, found, wanted })
            .collect()
    });
    for name in loaded.iter().flat_map(|loaded| loaded.config.plugins.keys()) {
        if !schemas.contains_key(name) {
            let why = format!("no plugin in {} calls itself that", dir.display());
            unchecked.push(Unchecked { what: format!("[plugins.{name}]"), why });
        }
    }
    Ok(Checked { loaded, unchecked })
}
