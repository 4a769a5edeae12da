//! Where agent programs keep their files.

use std::path::{Path, PathBuf};

/// The folders that agent programs read their settings from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The folder of Claude Code's settings.
    pub claude: PathBuf,
    /// The file in which Claude Code keeps its servers, among much else.
    pub claude_state: PathBuf,
    /// The folder of Codex.
    pub codex: PathBuf,
    /// The folder of Gemini CLI.
    pub gemini: PathBuf,
    /// The folder of OpenCode.
    pub opencode: PathBuf,
    /// The folder of pi.
    pub pi: PathBuf,
}

impl Roots {
    /// Finds them as the programs do: below the user's `home`, unless a variable of theirs says otherwise.
    pub fn new(home: &Path, env: impl Fn(&str) -> Option<String>) -> Self {
        let named = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let claude = named("CLAUDE_CONFIG_DIR");
        Self {
            claude_state: claude.as_deref().unwrap_or(home).join(".claude.json"),
            claude: claude.unwrap_or_else(|| home.join(".claude")),
            codex: named("CODEX_HOME").unwrap_or_else(|| home.join(".codex")),
            gemini: named("GEMINI_CLI_HOME").unwrap_or_else(|| home.to_owned()).join(".gemini"),
            opencode: named("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("opencode"),
            pi: named("PI_CODING_AGENT_DIR").unwrap_or_else(|| home.join(".pi").join("agent")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_the_program_moves_its_folder() {
        let home = Path::new("/home/u");
        let plain = Roots::new(home, |_| None);
        assert_eq!(plain.claude, Path::new("/home/u/.claude"));
        assert_eq!(plain.claude_state, Path::new("/home/u/.claude.json"));
        assert_eq!(plain.opencode, Path::new("/home/u/.config/opencode"));
        let moved = Roots::new(home, |name| Some(format!("/moved/{name}")));
        assert_eq!(moved.claude_state, Path::new("/moved/CLAUDE_CONFIG_DIR/.claude.json"));
        assert_eq!(moved.codex, Path::new("/moved/CODEX_HOME"));
        assert_eq!(Roots::new(home, |_| Some(String::new())), plain);
    }
}
