//! How each program is run for one turn and ends by itself.

use crate::Agent;

/// Returns the arguments by which a program takes one prompt, answers it and ends.
pub fn one_turn(agent: Agent, prompt: &str) -> Vec<String> {
    let words: &[&str] = match agent {
        Agent::Claude => &["-p", prompt],
        // It works only where a repository is, unless it is told not to mind.
        Agent::Codex => &["exec", "--skip-git-repo-check", prompt],
        Agent::Gemini => &["-p", prompt],
        Agent::Opencode => &["run", prompt],
        Agent::Pi => &["-p", prompt],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}
