//! The daemon as a service of its user: what is written, and by which commands it is steered. Pure.

mod launchd;
mod systemd;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What keeps services running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The user's systemd.
    Systemd,
    /// The user's launchd.
    Launchd,
}

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The absolute path of `tieline`.
    pub program: String,
    /// What has to be in its environment.
    pub env: BTreeMap<String, String>,
    /// The user's home.
    pub home: PathBuf,
    /// The user's number.
    pub uid: u32,
}

/// What is to be done with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// After its file was written.
    Install,
    /// While it is installed.
    Start,
    /// While it is installed.
    Stop,
    /// While it is installed.
    Restart,
    /// Before its file is removed.
    Uninstall,
    /// After its file was removed.
    Forget,
}

/// A command, word by word.
pub type Words = Vec<String>;

impl Manager {
    /// Returns the one of this platform.
    pub const fn of_platform() -> Self {
        if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd }
    }

    /// Returns where the service's file belongs. `config` is the user's folder of settings.
    pub fn file(self, unit: &Unit, config: &Path) -> PathBuf {
        match self {
            Manager::Systemd => config.join("systemd").join("user").join(systemd::NAME),
            Manager::Launchd => launchd::file(&unit.home),
        }
    }

    /// Returns what belongs into the service's file.
    pub fn text(self, unit: &Unit) -> String {
        match self {
            Manager::Systemd => systemd::text(unit),
            Manager::Launchd => launchd::text(unit),
        }
    }

    /// Returns the commands for an action.
    pub fn commands(self, action: Action, unit: &Unit) -> Vec<Words> {
        match self {
            Manager::Systemd => systemd::commands(action),
            Manager::Launchd => launchd::commands(action, unit),
        }
    }

    /// Returns the command that succeeds when the manager answers this user.
    pub fn probe(self, unit: &Unit) -> Words {
        match self {
            Manager::Systemd => words(&["systemctl", "--user", "show-environment"]),
            Manager::Launchd => words(&["launchctl", "print", &launchd::domain(unit)]),
        }
    }

    /// Returns the command that succeeds when the service runs.
    pub fn running(self, unit: &Unit) -> Words {
        match self {
            Manager::Systemd => words(&["systemctl", "--user", "is-active", "--quiet", systemd::NAME]),
            Manager::Launchd => launchd::running(unit),
        }
    }

    /// Returns the command that prints what the service has said.
    pub fn logs(self, unit: &Unit, lines: u32, follow: bool) -> Words {
        match self {
            Manager::Systemd => systemd::logs(lines, follow),
            Manager::Launchd => launchd::logs(unit, lines, follow),
        }
    }

    /// Returns what this is called.
    pub const fn title(self) -> &'static str {
        match self {
            Manager::Systemd => "systemd of this user",
            Manager::Launchd => "launchd of this user",
        }
    }
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
fn example() -> Unit {
    Unit {
        program: "/home/u/my bin/tieline".into(),
        env: BTreeMap::from([("TIELINE_HOME".into(), "/srv/100% \"mesh\"".into())]),
        home: "/home/u".into(),
        uid: 501,
    }
}
