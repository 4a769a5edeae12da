//! `tieline setup`, `tieline doctor agents` and `tieline service`, as a person types them, in a home of their own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tieline_tests::daemon::binary;

/// A machine with agent programs on it that say a version and nothing else.
struct Machine(tempfile::TempDir);

impl Machine {
    fn with(programs: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(machine.path("bin")).unwrap();
        fs::create_dir_all(machine.path("home")).unwrap();
        for (name, version) in programs {
            machine.program(name, &format!("echo '{version}'"));
        }
        machine
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("home").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path("home").join(name)).unwrap()
    }

    fn tieline(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.env_clear().env("HOME", self.path("home")).env("TIELINE_HOME", self.path("mesh"));
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command.args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs what has to succeed, and returns what it printed.
    fn done(&self, words: &[&str]) -> String {
        let output = self.tieline(words);
        assert!(output.status.success(), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs what has to fail, and returns its exit code and what it said.
    fn failed(&self, words: &[&str]) -> (i32, String) {
        let output = self.tieline(words);
        assert!(!output.status.success(), "{words:?}: {}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stderr) + &text(&output.stdout))
    }

    /// Everything in the home, with modes.
    fn files(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = path.metadata().unwrap().permissions().mode();
                let bytes = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
                found.insert(path.clone(), (mode, bytes));
                if path.is_dir() {
                    walk(&path, found);
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.path("home"), &mut found);
        found
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const ALL: [(&str, &str); 5] = [
    ("claude", "2.1.330 (Claude Code)"),
    ("codex", "codex-cli 0.169.0"),
    ("gemini", "0.61.0"),
    ("opencode", "1.18.33"),
    ("pi", "0.73.1"),
];

#[test]
fn setup_shows_writes_once_and_is_undone_byte_by_byte() {
    let machine = Machine::with(&ALL);
    machine.write(".claude.json", "{\"numStartups\":3}");
    machine.write(".codex/config.toml", "# mine\nmodel = \"m\"\n");
    let settings = machine.write(".gemini/settings.json", "{\n  // dark\n  \"ui\": {},\n}\n");
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o640)).unwrap();
    let before = machine.files();

    let shown = machine.done(&["setup", "--dry-run"]);
    for part in [
        "+[mcp_servers.tieline]",
        "+++ ",
        "opencode/plugin/tieline.js",
        "daemon_auto_start = false",
        "share one process",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(machine.files(), before, "a look changes nothing");

    machine.done(&["setup", "--yes"]);
    let after = machine.files();
    assert!(machine.read(".gemini/settings.json").contains("// dark\n"));
    assert!(machine.read(".pi/agent/extensions/tieline.ts").contains(binary().to_str().unwrap()));
    assert_eq!(settings.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(machine.done(&["setup", "--yes"]).trim(), "already set up");
    assert_eq!(machine.files(), after, "a second time changes nothing");

    machine.done(&["setup", "--undo", "--yes"]);
    assert_eq!(machine.files(), before);
    assert!(!machine.path("mesh/data/setup").exists(), "no copies are left");
    assert_eq!(machine.done(&["setup", "--undo", "--yes"]).trim(), "nothing is set up");
}

#[test]
fn what_people_changed_since_stays_when_setup_is_undone() {
    let machine = Machine::with(&ALL[..2]);
    machine.write(".claude.json", "{\n  \"numStartups\": 3\n}\n");
    machine.done(&["setup", "--yes"]);
    machine.write(".claude.json", &machine.read(".claude.json").replace("3", "4"));
    machine.write(".codex/config.toml", &(machine.read(".codex/config.toml") + "\n[tui]\ntheme = \"x\"\n"));
    let told: Value = serde_json::from_str(&machine.done(&["setup", "--undo", "--yes", "--json"])).unwrap();
    assert!(told.to_string().contains("somebody has changed the file since"), "{told}");
    assert_eq!(machine.read(".claude.json"), "{\n  \"numStartups\": 4\n}\n");
    assert_eq!(machine.read(".codex/config.toml").trim(), "[tui]\ntheme = \"x\"");
    assert!(!machine.path("home/.claude").exists());
}

#[test]
fn nothing_is_written_anywhere_while_one_file_is_broken() {
    let machine = Machine::with(&ALL);
    machine.write(".gemini/settings.json", "{\n  \"ui\": {\n");
    let before = machine.files();
    let (code, said) = machine.failed(&["setup", "--yes"]);
    assert_eq!(code, 2);
    assert!(said.contains(".gemini/settings.json:2:9: not JSON"), "{said}");
    assert_eq!(machine.files(), before);
}

#[test]
fn a_program_that_is_named_and_not_there_is_said_with_where_it_was_looked_for() {
    let machine = Machine::with(&ALL[..1]);
    let (code, said) = machine.failed(&["setup", "codex", "--yes"]);
    assert_eq!(code, 2);
    assert!(said.contains("no program `codex` in ") && said.contains(machine.path("bin").to_str().unwrap()), "{said}");
    let (code, said) = Machine::with(&[]).failed(&["setup", "--yes"]);
    assert_eq!(code, 1);
    assert!(said.contains("no agent program was found"), "{said}");
}

#[test]
fn without_a_terminal_nobody_is_asked_and_nothing_is_written() {
    let machine = Machine::with(&ALL);
    let (code, said) = machine.failed(&["setup"]);
    assert_eq!(code, 2);
    assert!(said.contains("add --yes"), "{said}");
    assert!(machine.files().is_empty());
}

#[test]
fn only_what_is_named_is_set_up_and_undone() {
    let machine = Machine::with(&ALL);
    machine.done(&["setup", "claude", "pi", "--yes"]);
    assert!(!machine.path("home/.codex").exists() && machine.path("home/.pi").exists());
    machine.done(&["setup", "pi", "--undo", "--yes"]);
    assert!(!machine.path("home/.pi").exists());
    assert!(machine.read(".claude.json").contains("tieline"));
}

#[test]
fn a_linked_file_stays_a_link() {
    let machine = Machine::with(&ALL[..1]);
    let real = machine.write("dotfiles/claude.json", "{}\n");
    std::os::unix::fs::symlink(&real, machine.path("home/.claude.json")).unwrap();
    machine.done(&["setup", "--yes"]);
    assert!(machine.path("home/.claude.json").is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("mcpServers"));
    machine.done(&["setup", "--undo", "--yes"]);
    assert_eq!(fs::read_to_string(&real).unwrap(), "{}\n");
}

#[test]
fn the_doctor_tells_version_and_setup_of_each_program() {
    let machine = Machine::with(&ALL[..2]);
    let told: Value = serde_json::from_str(&machine.done(&["doctor", "agents", "--json"])).unwrap();
    assert_eq!(told["agents"][0]["version"], "2.1.330");
    assert_eq!(told["agents"][1]["setup"], "not_done");
    assert_eq!(machine.failed(&["doctor", "agents", "codex"]).0, 1, "what is named has to be set up");

    machine.done(&["setup", "--yes"]);
    let told: Value = serde_json::from_str(&machine.done(&["doctor", "agents", "--json"])).unwrap();
    assert_eq!(told["agents"][1]["setup"], "done");

    // Somebody takes one hook away.
    let hooks = machine.read(".codex/hooks.json").replace("hook --agent codex Stop\"", "gone\"");
    machine.write(".codex/hooks.json", &hooks);
    let (code, said) = machine.failed(&["doctor", "agents"]);
    assert_eq!(code, 1);
    assert!(said.contains("codex") && said.contains("hooks are added for Stop"), "{said}");
}

/// What a service manager is asked for is kept in a file.
const MANAGER: &str = "echo \"$(basename \"$0\") $*\" >> \"$HOME/asked\"; [ \"$2\" != is-active ]";

#[cfg(target_os = "linux")]
#[test]
fn the_service_is_installed_and_removed_for_this_user_alone() {
    let machine = Machine::with(&[]);
    machine.program("systemctl", MANAGER);
    let unit = machine.path("home/.config/systemd/user/tieline.service");
    let shown = machine.done(&["service", "install", "--dry-run"]);
    assert!(shown.contains("ExecStart=") && shown.contains("systemctl --user enable tieline.service"), "{shown}");
    assert!(!unit.exists());

    assert_eq!(machine.failed(&["service", "start"]).0, 2, "it is not installed");
    machine.done(&["service", "install"]);
    assert!(fs::read_to_string(&unit).unwrap().contains(&format!("TIELINE_HOME={}", machine.path("mesh").display())));
    let (code, said) = machine.failed(&["service", "status"]);
    assert_eq!((code, said.trim()), (1, "installed, not running"));
    machine.done(&["service", "restart"]);
    machine.done(&["service", "uninstall"]);
    assert!(!unit.exists());
    let asked = machine.read("asked");
    let asked: Vec<&str> = asked.lines().filter(|line| !line.contains("show-environment")).collect();
    assert_eq!(
        asked,
        [
            "systemctl --user is-active --quiet tieline.service",
            "systemctl --user daemon-reload",
            "systemctl --user enable tieline.service",
            "systemctl --user restart tieline.service",
            "systemctl --user is-active --quiet tieline.service",
            "systemctl --user restart tieline.service",
            "systemctl --user disable --now tieline.service",
            "systemctl --user daemon-reload",
        ]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_service_manager_is_told_clearly_and_nothing_is_written() {
    let machine = Machine::with(&[]);
    machine.program("systemctl", "echo 'Failed to connect to bus: No medium found' >&2; exit 1");
    let (code, said) = machine.failed(&["service", "install"]);
    assert_eq!(code, 1);
    assert!(said.contains("systemd of this user cannot be reached") && said.contains("No medium found"), "{said}");
    assert!(machine.files().is_empty());
}
