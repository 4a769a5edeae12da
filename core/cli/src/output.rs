//! Standard output: text for people or JSON for programs, never both.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use tieline_engine::clock::Clock;
use tieline_model::{Reply, TimestampMs, outcome::OutcomeJson};

use crate::{
    exit::Failed,
    render::{self, Style},
};

/// Where and how a command prints.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether programs read it.
    pub json: bool,
    /// How text looks.
    pub style: Style,
}

impl Output {
    /// Returns the output of this process.
    pub fn of_process(json: bool) -> Self {
        let style = Style { color: may_color(std::io::stdout().is_terminal()) };
        Self { json, style }
    }

    /// Prints a reply.
    pub fn reply(&self, reply: &Reply) -> Result<(), Failed> {
        if self.json {
            return self.json(&OutcomeJson::Ok(reply.clone()));
        }
        self.text(&render::reply(reply, &self.style, now()))
    }

    /// Prints a reply for programs, or words of the command's own for people.
    pub fn reply_or(&self, reply: &Reply, words: impl FnOnce(&Style) -> String) -> Result<(), Failed> {
        if self.json { self.json(&OutcomeJson::Ok(reply.clone())) } else { self.text(&words(&self.style)) }
    }

    /// Prints one line of JSON.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failed> {
        self.text(&serde_json::to_string(value)?)
    }

    /// Prints text as it is, with a line break at its end.
    pub fn text(&self, text: &str) -> Result<(), Failed> {
        let mut out = std::io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        write!(out, "{text}{end}")?;
        out.flush()?;
        Ok(())
    }

    /// Shows what a question is about, to people only.
    pub fn show(&self, text: &str) {
        if !self.json {
            // Nothing is lost when nobody reads it.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Shows how far long work has come, over what was shown before: only to a person who watches.
    pub fn progress(&self, text: &str) {
        if !self.json && std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            eprint!("\r\x1b[K{text}\r");
        }
    }

    /// Says something beside the result, to people only.
    pub fn note(&self, text: &str) {
        if !self.json {
            let style = Style { color: may_color(std::io::stderr().is_terminal()) };
            // Nothing is lost when nobody reads it.
            let _ = writeln!(std::io::stderr(), "{}", style.dim(text));
        }
    }
}

/// Tells whether colours are wanted. `NO_COLOR` counts when it is there and not empty.
pub fn may_color(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns the time, for ages.
pub fn now() -> TimestampMs {
    Clock::real().now()
}
