//! The agent of a user's launchd.

use std::path::{Path, PathBuf};

use super::{Action, Unit, Words, words};

/// The name of the agent.
const LABEL: &str = "tieline.daemon";

/// Returns where the agent's file belongs.
pub fn file(home: &Path) -> PathBuf {
    home.join("Library").join("LaunchAgents").join(format!("{LABEL}.plist"))
}

/// Returns the file.
pub fn text(unit: &Unit) -> String {
    let pair = |(name, value): (&String, &String)| {
        format!("\n        <key>{}</key>\n        <string>{}</string>", escaped(name), escaped(value))
    };
    let env: String = unit.env.iter().map(pair).collect();
    let env = if env.is_empty() {
        String::new()
    } else {
        format!("\n    <key>EnvironmentVariables</key>\n    <dict>{env}\n    </dict>")
    };
    let (program, log) = (escaped(&unit.program), escaped(&log(unit)));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by `tieline service install`; `tieline service uninstall` takes it away. -->
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{LABEL}</string>
    <key>ProgramArguments</key>
    <array>
        <string>{program}</string>
        <string>serve</string>
    </array>{env}
    <key>RunAtLoad</key>
    <true/>
    <!-- It is started again when it fails, and not when it was asked to stop. -->
    <key>KeepAlive</key>
    <dict>
        <key>SuccessfulExit</key>
        <false/>
    </dict>
    <!-- Agents that were started through it go on while it is restarted. -->
    <key>AbandonProcessGroup</key>
    <true/>
    <key>ExitTimeOut</key>
    <integer>30</integer>
    <!-- People wait for what it does. -->
    <key>ProcessType</key>
    <string>Interactive</string>
    <key>StandardOutPath</key>
    <string>{log}</string>
    <key>StandardErrorPath</key>
    <string>{log}</string>
</dict>
</plist>
"#
    )
}

/// Returns the commands for an action.
pub fn commands(action: Action, unit: &Unit) -> Vec<Words> {
    let (domain, target) = (domain(unit), target(unit));
    let plist = file(&unit.home).to_string_lossy().into_owned();
    match action {
        Action::Install => {
            vec![words(&["launchctl", "bootstrap", &domain, &plist]), words(&["launchctl", "kickstart", "-k", &target])]
        }
        Action::Start => vec![words(&["launchctl", "kickstart", &target])],
        Action::Stop => vec![words(&["launchctl", "kill", "SIGTERM", &target])],
        Action::Restart => vec![words(&["launchctl", "kickstart", "-k", &target])],
        Action::Uninstall => vec![words(&["launchctl", "bootout", &target])],
        Action::Forget => Vec::new(),
    }
}

/// Returns the command that succeeds when it runs.
pub fn running(unit: &Unit) -> Words {
    let script = format!("launchctl print {} | grep -q 'state = running'", target(unit));
    words(&["sh", "-c", &script])
}

/// Returns the command that prints its log.
pub fn logs(unit: &Unit, lines: u32, follow: bool) -> Words {
    let mut logs = words(&["tail", "-n", &lines.to_string()]);
    if follow {
        logs.push("-F".into());
    }
    logs.push(log(unit));
    logs
}

/// Returns where the services of a user with a screen are.
pub fn domain(unit: &Unit) -> String {
    format!("gui/{}", unit.uid)
}

fn target(unit: &Unit) -> String {
    format!("{}/{LABEL}", domain(unit))
}

fn log(unit: &Unit) -> String {
    unit.home.join("Library").join("Logs").join("tieline.log").to_string_lossy().into_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::example;

    #[test]
    fn the_file_starts_this_program_for_this_mesh() {
        let unit = Unit { program: "/a&b/<tieline>".into(), ..example() };
        let text = text(&unit);
        assert!(text.contains("<string>/a&amp;b/&lt;tieline&gt;</string>\n        <string>serve</string>"), "{text}");
        assert!(text.contains("<key>TIELINE_HOME</key>\n        <string>/srv/100% \"mesh\"</string>"), "{text}");
        let opened = text.matches("<dict>").count() + text.matches("<array>").count();
        assert_eq!(opened, text.matches("</dict>").count() + text.matches("</array>").count());
        let bare = Unit { env: std::collections::BTreeMap::new(), ..example() };
        assert!(!self::text(&bare).contains("EnvironmentVariables"));
    }

    #[test]
    fn the_commands_name_the_user_and_the_agent() {
        let shown: Vec<String> =
            commands(Action::Install, &example()).iter().map(|command| command.join(" ")).collect();
        assert_eq!(
            shown,
            [
                "launchctl bootstrap gui/501 /home/u/Library/LaunchAgents/tieline.daemon.plist",
                "launchctl kickstart -k gui/501/tieline.daemon"
            ]
        );
        assert_eq!(logs(&example(), 7, true).join(" "), "tail -n 7 -F /home/u/Library/Logs/tieline.log");
    }
}
