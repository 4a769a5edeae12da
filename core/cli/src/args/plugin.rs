//! The commands about transport plugins.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `tieline plugins`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline plugins
  tieline plugins trust slack
  tieline plugins logs slack --follow
  tieline plugin new my-transport

A plugin is named by its own name or by that of its file.")]
pub struct Plugins {
    /// What to do; list by default.
    #[command(subcommand)]
    pub verb: Option<PluginsVerb>,
}

/// One command about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginsVerb {
    /// List the plugins: how each is, and for those that do not run, why and what to do
    #[command(after_help = "Example:\n  tieline plugins list")]
    List,
    /// Show one plugin
    #[command(after_help = "Example:\n  tieline plugins info slack")]
    Info(Name),
    /// Start a plugin that was disabled, now and with each daemon
    #[command(
        after_help = "Example:\n  tieline plugins enable slack\n\nWithout a running daemon it is written down for the next one."
    )]
    Enable(Name),
    /// Stop a plugin, and keep it stopped with each daemon
    #[command(
        after_help = "Example:\n  tieline plugins disable slack\n\nWithout a running daemon it is written down for the next one."
    )]
    Disable(Name),
    /// Look at a plugin's file again and start it anew, also when it was left alone
    #[command(after_help = "Example:\n  tieline plugins reload slack")]
    Reload(Name),
    /// Trust a plugin's file as it is now, and start it
    Trust(Trust),
    /// Show what a plugin has logged since the daemon started
    Logs(Logs),
    /// Write a new transport: a crate that builds, passes the conformance kit and is loaded on copy
    New(New),
}

/// Names one plugin.
#[derive(Debug, Args)]
pub struct Name {
    /// The plugin's name, or that of its file
    pub name: String,
}

/// `tieline plugins trust`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline plugins trust slack
  tieline plugins trust slack --hash 5f1c… --yes

A plugin is code: it can do whatever you can. The file's name, hash and owner are shown, and it is asked whether you mean
it. Without a running daemon the trust is written down for the next one.")]
pub struct Trust {
    /// The plugin's name, or that of its file
    pub name: String,
    /// The BLAKE3 hash that the file has to have; it is not trusted when it has another
    #[arg(long, value_parser = hash)]
    pub hash: Option<String>,
    /// Do not ask; for scripts
    #[arg(long)]
    pub yes: bool,
}

/// `tieline plugins logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline plugins logs slack\n  tieline plugins logs slack --follow")]
pub struct Logs {
    /// The plugin's name, or that of its file
    pub name: String,
    /// At most so many, the newest; 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
    /// Go on with what it logs from now on
    #[arg(long)]
    pub follow: bool,
}

/// `tieline plugins new`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline plugin new my-transport
  tieline plugin new my-transport --sdk ~/src/tieline/plugins-sdk

It writes ./my-transport. Its README.md has the three commands that build it, test it and have it loaded.")]
pub struct New {
    /// Its name: lower-case letters, digits and `-`; also the folder's
    pub name: String,
    /// Folder of the SDK's sources; by default those that this program was built from, else the published crate
    #[arg(long, value_name = "PATH")]
    pub sdk: Option<PathBuf>,
}

fn hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_lowercase()) } else { Err("wanted the 64 hexadecimal digits of a BLAKE3 hash".into()) }
}
