//! Tieline's configuration: typed values, the layers they come from, and where on disk things live.
//!
//! `default.toml` holds every key with its comment and is the source of the defaults. On top of it come the file, the
//! environment and the flags. [`load`] reports *all* problems at once, each with its key, what was found, what was wanted
//! and the layer. This crate acts on nothing: it knows no socket, database or plugin.
#![forbid(unsafe_code)]

mod check;
mod config;
mod file;
mod home;
mod key;
mod layers;
mod load;
mod near;
mod problem;
mod show;

pub use config::{
    Agents, Brakes, BroadcastRate, Config, Delivery, Format, Isolation, Limits, Log, Plugin, Plugins, Rate, Rates,
    Redaction, Retention, Server, Spawn, Store, Synchronous, Trust,
};
pub use home::{Home, HomeError};
pub use key::{PLUGIN_SCOPES, env_name, known_keys};
pub use layers::{Layer, Layers, OTHER_VARIABLES, SECRET_VARIABLES, Unreadable, environment};
pub use load::{Loaded, SettingMistake, SettingsCheck, load, load_with};
pub use problem::{Problem, Problems};
pub use show::{show, show_json};

/// The text of `default.toml`: every key with its comment and default.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

#[cfg(test)]
mod testing {
    //! Short ways to write layers.

    use std::path::PathBuf;

    pub fn file(text: &str) -> Option<(PathBuf, String)> {
        Some(("tieline.toml".into(), text.into()))
    }

    pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}
