//! Reads the transcripts that agent programs write, line by line, as activities of a timeline.
//!
//! A reader is a value with a small state, so that reading goes on where it stopped, also in another process. Lines that
//! cannot be read are counted and never fatal: the formats are not documented and grow with every release.
#![forbid(unsafe_code)]

mod claude;
mod codex;
mod cut;
mod find;
mod follow;
mod json;
mod patch;

use serde::{Deserialize, Serialize};
use tieline_model::command::Happened;

pub use find::{Home, find};
pub use follow::{Batch, File, Skipped};

/// Whose transcripts can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Claude Code: one JSONL file for each session, below `projects`.
    Claude,
    /// Codex: one rollout file for each session, below `sessions`.
    Codex,
}

impl Vendor {
    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Vendor::Claude => "claude",
            Vendor::Codex => "codex",
        }
    }
}

/// What a transcript says of itself, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// The program's own id of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The folder that it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What it calls the session, or the first words of its person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// What a line was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Activities; none for a line that says nothing about the work.
    Activities(Vec<Happened>),
    /// A record of a kind that is not known.
    Unknown(String),
    /// No record at all.
    Bad(String),
}

/// Reads one transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// Of Claude Code.
    Claude(claude::Claude),
    /// Of Codex.
    Codex(codex::Codex),
}

impl Reader {
    /// Starts at the beginning of a transcript.
    pub fn new(vendor: Vendor) -> Self {
        match vendor {
            Vendor::Claude => Reader::Claude(claude::Claude::default()),
            Vendor::Codex => Reader::Codex(codex::Codex::default()),
        }
    }

    /// Reads a line.
    pub fn read(&mut self, line: &str) -> Line {
        let record: serde_json::Value = match serde_json::from_str(line) {
            Ok(record @ serde_json::Value::Object(_)) => record,
            Ok(_) => return Line::Bad("no JSON object".to_owned()),
            Err(error) => return Line::Bad(error.to_string()),
        };
        let line = match self {
            Reader::Claude(claude) => claude.read(&record),
            Reader::Codex(codex) => codex.read(&record),
        };
        match line {
            Line::Activities(mut all) => {
                all.iter_mut().for_each(|happened| cut::cut(&mut happened.what));
                Line::Activities(all)
            }
            other => other,
        }
    }

    /// Returns what the transcript has said of itself.
    pub fn about(&self) -> &About {
        match self {
            Reader::Claude(claude) => &claude.about,
            Reader::Codex(codex) => &codex.about,
        }
    }
}
