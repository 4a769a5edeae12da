//! The commands that run or look after the daemon itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;
use tieline_model::Address;

use super::value;

/// `tieline serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline serve
  tieline serve --listen 127.0.0.1:0 --set log.format=json

It is ready when /healthz answers 200, and drains on SIGTERM.")]
pub struct Serve {
    /// Address and port to listen on, loopback only; port 0 picks a free one and prints it
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Set any key of the configuration; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = value::pair)]
    pub set: Vec<(String, String)>,
}

impl Serve {
    /// Returns what the flags say, as a layer of the configuration.
    pub fn flags(&self) -> Vec<(String, String)> {
        let listen = self.listen.iter().map(|address| ("server.listen".to_owned(), address.clone()));
        self.set.iter().cloned().chain(listen).collect()
    }
}

/// `tieline mcp`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example, in an agent's configuration:
  tieline mcp --session review

It speaks with the agent's own token, or with the one that you name; a human's is refused.")]
pub struct Mcp {
    /// The session to speak as; the token's home by default
    #[arg(long, value_name = "SESSION")]
    pub session: Option<Address>,
}

/// `tieline config`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline config check\n  tieline config show | grep limits")]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

/// One command about the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigVerb {
    /// Print every key, its value, and where the value comes from
    #[command(after_help = "Example:\n  tieline config show")]
    Show,
    /// Print everything that is wrong, and exit with 2 when something is
    #[command(after_help = "Example:\n  tieline config check")]
    Check,
    /// Print the path of the configuration file, or of the folder that plugins are dropped into
    #[command(after_help = "Examples:\n  tieline config path\n  cp libmine.so \"$(tieline config path plugins)\"/")]
    Path {
        /// Of what
        #[arg(default_value = "file")]
        of: Place,
    },
}

/// What `tieline config path` can tell the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// The configuration file.
    File,
    /// The folder that plugins are dropped into.
    Plugins,
}

/// `tieline completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline completions bash > ~/.local/share/bash-completion/completions/tieline")]
pub struct Completions {
    /// For which shell
    pub shell: Shell,
}

/// `tieline plugin-host`, which the daemon runs as a child.
#[derive(Debug, Args)]
pub struct PluginHost {
    /// The staged plugin
    pub file: PathBuf,
}

/// `tieline plugin-probe`, which the daemon runs as a child.
#[derive(Debug, Args)]
pub struct PluginProbe {
    /// The staged plugin
    pub file: PathBuf,
}
