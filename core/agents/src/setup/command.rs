//! The command line of a hook: how it is written, and how ours is told from others.

use crate::Agent;

use super::Wiring;

/// Returns the command line that an agent program runs for an event.
pub fn hook(agent: Agent, event: &str, wiring: &Wiring) -> String {
    let program = quote(&wiring.program);
    let tail = tail(agent, event);
    if wiring.env.is_empty() {
        return format!("{program}{tail}");
    }
    let pairs: Vec<String> = wiring.env.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
    format!("env {} {program}{tail}", pairs.join(" "))
}

/// Tells whether a command line is a hook of ours, whichever `tieline` it runs.
pub fn is_hook(agent: Agent, event: &str, command: &str) -> bool {
    command.trim_end().ends_with(&tail(agent, event))
}

fn tail(agent: Agent, event: &str) -> String {
    format!(" hook --agent {agent} {event}")
}

/// Returns a word as a shell reads it back unchanged.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiring(program: &str, env: &[(&str, &str)]) -> Wiring {
        Wiring {
            program: program.into(),
            env: env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            may_use_tools: false,
            keeps_codex_daemon: false,
        }
    }

    #[test]
    fn a_path_that_a_shell_would_split_is_quoted() {
        let line = hook(Agent::Claude, "Stop", &wiring("/opt/my tools/it's/tieline", &[]));
        assert_eq!(line, r"'/opt/my tools/it'\''s/tieline' hook --agent claude Stop");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$HOME"), "'$HOME'");
    }

    #[test]
    fn a_mesh_with_a_home_of_its_own_is_named() {
        let line = hook(Agent::Codex, "Stop", &wiring("/bin/tieline", &[("TIELINE_HOME", "/srv/a b")]));
        assert_eq!(line, "env TIELINE_HOME='/srv/a b' /bin/tieline hook --agent codex Stop");
        assert!(is_hook(Agent::Codex, "Stop", &line));
    }

    #[test]
    fn the_hook_of_another_program_is_not_ours() {
        assert!(!is_hook(Agent::Claude, "Stop", "/bin/other hook --agent codex Stop"));
        assert!(!is_hook(Agent::Claude, "Stop", "/bin/tieline hook --agent claude SubagentStop"));
        assert!(is_hook(Agent::Claude, "Stop", "/elsewhere/tieline hook --agent claude Stop"));
    }
}
