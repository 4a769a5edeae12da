//! The dialects of agent programs: what their hooks say, how they are answered, and how they are set up.
//!
//! Everything here is a function from text to text or from text to the mesh's words. Reading files, starting programs and
//! speaking to the daemon is left to `core/cli`; the daemon itself never speaks a dialect.
#![forbid(unsafe_code)]

mod call;
mod frame;
mod gemini;
mod hook;
mod json;
pub mod setup;
mod turn;
mod usual;

use std::{fmt, str::FromStr};

pub use frame::{Neighbour, frame, marker, primer};
pub use hook::{Carrier, Heard, Unheard, answer, hear, home_of, shows, version_in};
pub use turn::one_turn;

/// An agent program that Tieline can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// Codex CLI.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// OpenCode.
    Opencode,
    /// pi.
    Pi,
}

impl Agent {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Agent; 5] = [Agent::Claude, Agent::Codex, Agent::Gemini, Agent::Opencode, Agent::Pi];

    /// Returns the name on the command line, which is also the name of its program.
    pub const fn as_str(self) -> &'static str {
        match self {
            Agent::Claude => "claude",
            Agent::Codex => "codex",
            Agent::Gemini => "gemini",
            Agent::Opencode => "opencode",
            Agent::Pi => "pi",
        }
    }

    /// Tells whether a plugin of ours inside it speaks to `tieline hook --listen`, hears of mail, and prompts it.
    pub const fn listens(self) -> bool {
        matches!(self, Agent::Opencode | Agent::Pi)
    }

    /// Returns the name that its maker gives it.
    pub const fn title(self) -> &'static str {
        match self {
            Agent::Claude => "Claude Code",
            Agent::Codex => "Codex",
            Agent::Gemini => "Gemini CLI",
            Agent::Opencode => "OpenCode",
            Agent::Pi => "pi",
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Agent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Agent::ALL.map(Agent::as_str).join(", ");
        Agent::ALL
            .into_iter()
            .find(|agent| agent.as_str() == text)
            .ok_or_else(|| format!("no agent program is called {text:?} here; there are {}", known()))
    }
}
