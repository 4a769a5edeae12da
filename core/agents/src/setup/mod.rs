//! How agent programs are connected: what has to stand in which of their files, and how it is taken out again.
//!
//! Everything here is a function from texts to texts. Whoever calls reads the files, shows what changes, asks, and writes.

mod claude;
mod codex;
mod codex_trust;
mod command;
mod gemini;
mod hooks;
mod jsonc;
mod opencode;
mod pi;
mod program_file;
mod roots;
mod servers;
#[cfg(test)]
mod tests;
mod toml_file;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::Agent;

pub use command::quote;
pub use roots::Roots;

/// What agent programs have to know to reach this mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    /// The absolute path of `tieline`.
    pub program: String,
    /// What has to be in the environment of `tieline`, beside what is there by itself.
    pub env: BTreeMap<String, String>,
    /// Whether Codex may call our tools without asking.
    pub may_use_tools: bool,
    /// Whether the daemon that all terminals of Codex share stays on.
    pub keeps_codex_daemon: bool,
}

/// A file of an agent program, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it; nothing when there is no such file.
    pub text: Option<String>,
    /// What was in it before the first setup, where that is known.
    pub earlier: Option<String>,
}

/// A file of an agent program, as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it is.
    pub path: PathBuf,
    /// What is to be in it; nothing when the file is to go.
    pub text: Option<String>,
    /// What changes, each in one sentence.
    pub changes: Vec<String>,
    /// What a person should know beside.
    pub warnings: Vec<String>,
}

impl Draft {
    fn new(document: &Document) -> Self {
        let Document { path, text, .. } = document.clone();
        Self { path, text, changes: Vec::new(), warnings: Vec::new() }
    }
}

/// Why a file cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is not of the form that its program reads.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// Something in it is of another kind than its program reads.
    #[error("{}: `{place}` is {found}, wanted {wanted}", path.display())]
    Unexpected {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// What is there.
        found: &'static str,
        /// What was expected there.
        wanted: &'static str,
    },
    /// What should be ours belongs to somebody else.
    #[error("{}: {place} is there already and is not ours; rename it or take it away", path.display())]
    Taken {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        place: String,
    },
}

/// Returns the files of an agent program that have to do with us; `is_there` tells which exist.
pub fn files(agent: Agent, roots: &Roots, is_there: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    match agent {
        Agent::Claude => vec![roots.claude.join("settings.json"), roots.claude_state.clone()],
        Agent::Codex => vec![roots.codex.join("hooks.json"), roots.codex.join("config.toml")],
        Agent::Gemini => vec![roots.gemini.join("settings.json")],
        Agent::Opencode => {
            let plain = roots.opencode.join("opencode.json");
            let commented = roots.opencode.join("opencode.jsonc");
            let config = if is_there(&commented) { commented } else { plain };
            vec![config, roots.opencode.join("plugin").join("tieline.js")]
        }
        Agent::Pi => vec![roots.pi.join("extensions").join("tieline.ts")],
    }
}

/// Returns the files with us in them. `documents` are those that [`files`] names, in that order.
pub fn connect(agent: Agent, documents: &[Document], wiring: &Wiring) -> Result<Vec<Draft>, Misfit> {
    match (agent, documents) {
        (Agent::Claude, [settings, state]) => claude::connect(settings, state, wiring),
        (Agent::Codex, [hooks, config]) => codex::connect(hooks, config, wiring),
        (Agent::Gemini, [settings]) => gemini::connect(settings, wiring),
        (Agent::Opencode, [config, plugin]) => opencode::connect(config, plugin, wiring),
        (Agent::Pi, [extension]) => pi::connect(extension, wiring),
        _ => unreachable!("`files` names as many as are taken here"),
    }
}

/// Returns the files without us in them. Everything else stays as it is. `documents` are as for [`connect`].
pub fn disconnect(agent: Agent, documents: &[Document]) -> Result<Vec<Draft>, Misfit> {
    match (agent, documents) {
        (Agent::Claude, [settings, state]) => claude::disconnect(settings, state),
        (Agent::Codex, [hooks, config]) => codex::disconnect(hooks, config),
        (Agent::Gemini, [settings]) => gemini::disconnect(settings),
        (Agent::Opencode, [config, plugin]) => opencode::disconnect(config, plugin),
        (Agent::Pi, [extension]) => pi::disconnect(extension),
        _ => unreachable!("`files` names as many as are taken here"),
    }
}
