//! The unit of a user's systemd.

use super::{Action, Unit, Words, words};

/// The name of the unit.
pub const NAME: &str = "tieline.service";

/// Returns the unit.
pub fn text(unit: &Unit) -> String {
    let env: String =
        unit.env.iter().map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}")))).collect();
    // `$` is filled in by systemd where a command stands, and not in the environment.
    let program = quoted(&unit.program).replace('$', "$$");
    format!(
        "\
# Written by `tieline service install`; `tieline service uninstall` takes it away.
[Unit]
Description=Tieline, the message mesh of your coding agents
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={program} serve
{env}Restart=on-failure
RestartSec=1
# It drains when it is asked to stop.
TimeoutStopSec=30
# Agents that were started through it go on while it is restarted.
KillMode=process
# What it starts inherits these, so there is nothing here that a compiler or a debugger would miss.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
# Tokens are in its memory.
LimitCORE=0

[Install]
WantedBy=default.target
"
    )
}

/// Returns the commands for an action.
pub fn commands(action: Action) -> Vec<Words> {
    let user = |rest: &[&str]| [words(&["systemctl", "--user"]), words(rest)].concat();
    match action {
        Action::Install => vec![user(&["daemon-reload"]), user(&["enable", NAME]), user(&["restart", NAME])],
        Action::Start => vec![user(&["start", NAME])],
        Action::Stop => vec![user(&["stop", NAME])],
        Action::Restart => vec![user(&["restart", NAME])],
        Action::Uninstall => vec![user(&["disable", "--now", NAME])],
        Action::Forget => vec![user(&["daemon-reload"])],
    }
}

/// Returns the command that prints its journal.
pub fn logs(lines: u32, follow: bool) -> Words {
    let mut logs = words(&["journalctl", "--user", "-u", NAME, "--no-pager", "-n", &lines.to_string()]);
    if follow {
        logs.push("-f".into());
    }
    logs
}

/// Quotes a word as systemd reads it.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('%', "%%");
    format!("\"{word}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::example;

    #[test]
    fn the_unit_starts_this_program_for_this_mesh() {
        let text = text(&example());
        assert!(text.contains("\nExecStart=\"/home/u/my bin/tieline\" serve\n"), "{text}");
        assert!(
            text.contains("\nEnvironment=\"TIELINE_HOME=/srv/100%% \\\"mesh\\\"\"\nRestart=on-failure\n"),
            "{text}"
        );
        for line in ["Type=exec", "KillMode=process", "NoNewPrivileges=yes", "WantedBy=default.target"] {
            assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}");
        }
        let unit = Unit { program: "/a$b".into(), env: std::collections::BTreeMap::new(), ..example() };
        assert!(self::text(&unit).contains("\nExecStart=\"/a$$b\" serve\nRestart=on-failure\n"));
    }

    #[test]
    fn nothing_is_done_for_the_whole_machine() {
        for action in [Action::Install, Action::Start, Action::Stop, Action::Restart, Action::Uninstall, Action::Forget]
        {
            for command in commands(action) {
                assert_eq!(command[..2], ["systemctl", "--user"], "{command:?}");
            }
        }
        assert_eq!(logs(5, true).join(" "), "journalctl --user -u tieline.service --no-pager -n 5 -f");
    }
}
