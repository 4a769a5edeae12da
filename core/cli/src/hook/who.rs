//! Which process and pane a hook was run from.

use std::env;

use tieline_agents::Agent;
use tieline_model::runtime::{Pane, ProcessId};
use tieline_process::Process;

/// Programs that agents run their hooks through.
const SHELLS: [&str; 9] = ["sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "busybox", "env"];

/// Where a hook was run from, as far as that is certain.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// The agent program's process.
    pub process: Option<ProcessId>,
    /// The pane that it is shown in.
    pub pane: Option<Pane>,
}

/// Looks at who started this process, and at the environment.
pub fn found(asked: Agent) -> Who {
    let line = tieline_process::line(std::process::id());
    // Whatever Claude Code has started has it, too.
    let named = env::var("CLAUDE_PID").ok().filter(|_| asked == Agent::Claude).and_then(|pid| pid.parse().ok());
    Who { process: agent(&line, named), pane: pane(env::var("TMUX").ok(), env::var("TMUX_PANE").ok()) }
}

/// Returns the processes that may be the agent's, nearest first.
pub fn ancestors() -> Vec<ProcessId> {
    let line = tieline_process::line(std::process::id());
    line.iter().skip(1).map(id).collect()
}

/// The agent is the process that it says it is, as long as it is one of those that started this one; else the nearest
/// that is no shell.
fn agent(line: &[Process], named: Option<u32>) -> Option<ProcessId> {
    let above = || line.iter().skip(1);
    let by_name = named.and_then(|pid| above().find(|process| process.pid == pid));
    by_name.or_else(|| above().find(|process| !SHELLS.contains(&process.name.as_str()))).map(id)
}

fn id(process: &Process) -> ProcessId {
    ProcessId { pid: process.pid, started: process.started }
}

/// `TMUX` holds the socket's path, the server's process and the session, with commas between them.
fn pane(tmux: Option<String>, pane: Option<String>) -> Option<Pane> {
    let socket = tmux?.split(',').next()?.to_owned();
    pane.filter(|pane| pane.starts_with('%') && !socket.is_empty()).map(|pane| Pane { socket, pane })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, name: &str) -> Process {
        Process { pid, started: u64::from(pid), parent: 0, name: name.into() }
    }

    #[test]
    fn the_agent_is_the_nearest_process_above_the_shell_that_runs_the_hook() {
        let line =
            [process(9, "tieline"), process(8, "sh"), process(7, "codex"), process(6, "node"), process(5, "bash")];
        assert_eq!(agent(&line, None).unwrap().pid, 7);
    }

    #[test]
    fn a_process_that_did_not_start_this_one_is_not_believed_to_be_the_agent() {
        let line = [process(9, "tieline"), process(8, "sh"), process(7, "claude")];
        assert_eq!(agent(&line, Some(7)).unwrap().pid, 7);
        assert_eq!(agent(&line, Some(4)).unwrap().pid, 7);
        assert_eq!(agent(&line[..2], None), None);
    }

    #[test]
    fn a_pane_is_named_with_its_socket() {
        let found = pane(Some("/tmp/tmux-0/default,12,0".into()), Some("%3".into())).unwrap();
        assert_eq!((found.socket.as_str(), found.pane.as_str()), ("/tmp/tmux-0/default", "%3"));
        assert_eq!(pane(None, Some("%3".into())), None);
        assert_eq!(pane(Some("/s,1,0".into()), None), None);
    }
}
