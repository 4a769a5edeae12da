//! What Claude Code does with messages from outside, by its settings and by how it was started.
//!
//! A session that may run commands without asking holds them, and opens a dialog over each. That is its user's to decide, by the
//! setting `crossSessionInbound`; so nothing is sent to one that could hold it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The setting.
const INBOUND: &str = "crossSessionInbound";
/// The mode in which nothing is asked.
const BYPASS: &str = "bypassPermissions";
/// The switch for it, also where it only allows to choose it later.
const SWITCH: &str = "dangerously-skip-permissions";
/// Where an administrator's settings are.
const MANAGED: &str = "/etc/claude-code/managed-settings.json";

/// One file of settings.
#[derive(Debug)]
struct Settings {
    path: PathBuf,
    /// Whether it may allow more, and not only less: those of a repository may not.
    may_allow: bool,
    value: Value,
}

/// Makes sure that a session which works in `folder` takes messages from outside.
pub fn check(pid: u32, home: &Path, folder: &Path) -> Result<(), String> {
    let places = [
        (home.join("settings.json"), true),
        (PathBuf::from(MANAGED), true),
        (folder.join(".claude/settings.json"), false),
        (folder.join(".claude/settings.local.json"), false),
    ];
    let mut all = Vec::new();
    for (path, may_allow) in places {
        if let Some(value) = read(&path)? {
            all.push(Settings { path, may_allow, value });
        }
    }
    let line = format!("/proc/{pid}/cmdline");
    let line = fs::read(&line).map_err(|error| format!("how it was started is not known, `{line}`: {error}"))?;
    takes(&all, &String::from_utf8_lossy(&line))
}

fn read(path: &Path) -> Result<Option<Value>, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("`{}`: {error}", path.display())),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn takes(all: &[Settings], line: &str) -> Result<(), String> {
    for Settings { path, value, .. } in all {
        if let Some(inbound) = value.get(INBOUND).filter(|inbound| **inbound != "accept") {
            return Err(format!("`{}`: `{INBOUND}` is {inbound}; wanted \"accept\", or none", path.display()));
        }
    }
    if all.iter().any(|settings| settings.may_allow && settings.value[INBOUND] == "accept") {
        return Ok(());
    }
    let is_started_so = line.contains(SWITCH) || line.contains(BYPASS);
    if is_started_so || all.iter().any(|settings| settings.value["permissions"]["defaultMode"] == BYPASS) {
        return Err(format!(
            "it may run commands without asking, and then asks its user about each message from outside; with `{INBOUND}` \
             as \"accept\" in its user's settings it does not"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: &str = "claude\0--permission-mode\0manual\0";

    fn file(may_allow: bool, value: Value) -> Settings {
        Settings { path: "/s.json".into(), may_allow, value }
    }

    #[test]
    fn a_session_that_asks_for_permissions_takes_them() {
        assert_eq!(takes(&[], PLAIN), Ok(()));
        assert_eq!(takes(&[file(true, json!({"permissions": {"defaultMode": "acceptEdits"}}))], PLAIN), Ok(()));
    }

    #[test]
    fn nothing_is_sent_to_one_that_could_open_a_dialog_over_it() {
        let switches = ["--dangerously-skip-permissions", "--allow-dangerously-skip-permissions"];
        for switch in switches.iter().chain(&["--permission-mode=bypassPermissions"]) {
            assert!(takes(&[], &format!("claude\0{switch}\0")).is_err(), "{switch}");
        }
        let default = || json!({"permissions": {"defaultMode": "bypassPermissions"}});
        assert!(takes(&[file(false, default())], PLAIN).unwrap_err().contains("without asking"));

        let accepts = |may_allow| file(may_allow, json!({"crossSessionInbound": "accept"}));
        assert_eq!(takes(&[accepts(true), file(true, default())], PLAIN), Ok(()), "its user wants it");
        assert!(takes(&[accepts(false), file(true, default())], PLAIN).is_err(), "a repository has no say in that");
    }

    #[test]
    fn whoever_does_not_want_them_gets_none() {
        for wish in ["hold", "refuse", "what is this"] {
            let both = [file(true, json!({"crossSessionInbound": "accept"})), file(false, json!({INBOUND: wish}))];
            assert!(takes(&both, PLAIN).unwrap_err().contains(wish));
        }
    }

    #[test]
    fn settings_that_cannot_be_read_allow_nothing() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(check(std::process::id(), home.path(), home.path()), Ok(()));
        fs::write(home.path().join("settings.json"), "{").unwrap();
        assert!(check(std::process::id(), home.path(), home.path()).unwrap_err().contains("settings.json"));
    }
}
