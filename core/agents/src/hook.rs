//! What a hook says, in the mesh's words, and how it is answered.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tieline_model::{event::Activity, runtime::Signal};

use crate::{Agent, gemini, json::text, usual};

/// By what means a hook can bring text before the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// As context of a turn that goes on.
    Context,
    /// As what makes a turn go on that would end.
    Continue,
    /// As a prompt of its own, by a plugin inside the program.
    Prompt,
}

/// What a hook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The program's own id of the session.
    pub native: String,
    /// The program's record of the session.
    pub transcript: Option<PathBuf>,
    /// The folder that it works in.
    pub folder: Option<String>,
    /// What it does.
    pub signal: Signal,
    /// What happened.
    pub activities: Vec<Activity>,
    /// How this hook can bring text, if it can.
    pub carrier: Option<Carrier>,
    /// Whether whatever was handed to earlier hooks must be in the record by now.
    pub is_settled: bool,
    /// Whether the session begins here, or begins anew: the agent is told where it is.
    pub is_start: bool,
    /// The prompt that came, in which messages may stand.
    pub prompt: Option<String>,
}

/// Why a payload says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// It is not JSON.
    #[error("the payload is not JSON: {0}")]
    NotJson(String),
    /// A field is missing without which nothing can be done.
    #[error("the payload has no `{0}`")]
    Missing(&'static str),
}

impl Heard {
    /// Starts with what all payloads have.
    pub(crate) fn new(payload: &Value, signal: Signal) -> Result<Self, Unheard> {
        Ok(Self {
            native: text(payload, "session_id").ok_or(Unheard::Missing("session_id"))?.to_owned(),
            transcript: text(payload, "transcript_path").map(PathBuf::from),
            folder: text(payload, "cwd").map(str::to_owned),
            signal,
            activities: Vec::new(),
            carrier: None,
            is_settled: false,
            is_start: false,
            prompt: None,
        })
    }
}

/// Reads the payload of a hook. An event that is not known says that the program is there, and nothing more.
pub fn hear(agent: Agent, event: &str, payload: &str) -> Result<Heard, Unheard> {
    let payload: Value = serde_json::from_str(payload).map_err(|error| Unheard::NotJson(error.to_string()))?;
    match agent {
        Agent::Gemini => gemini::hear(event, &payload),
        Agent::Claude | Agent::Codex | Agent::Opencode | Agent::Pi => usual::hear(agent, event, &payload),
    }
}

/// Returns what a hook prints so that `words` come before the model; nothing for no words.
pub fn answer(agent: Agent, event: &str, carrier: Carrier, words: &str) -> String {
    if words.is_empty() {
        return String::new();
    }
    let answer = match (agent, carrier) {
        (_, Carrier::Prompt) => return words.to_owned(),
        (Agent::Gemini, Carrier::Continue) => json!({"decision": "deny", "reason": words}),
        (_, Carrier::Continue) => json!({"decision": "block", "reason": words}),
        (_, Carrier::Context) => {
            json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": words}})
        }
    };
    answer.to_string()
}

/// Tells whether a line of a program's record shows words in its conversation, and not only that a hook has printed them.
pub fn shows(agent: Agent, line: &str, words: &str) -> bool {
    line.contains(words) && !(agent == Agent::Claude && line.contains("\"type\":\"hook_success\""))
}

/// Returns the folder in which the program keeps what it knows: the one that its record is kept in.
pub fn home_of(agent: Agent, transcript: &Path) -> Option<&Path> {
    let records = match agent {
        Agent::Claude => "projects",
        Agent::Codex => "sessions",
        Agent::Gemini | Agent::Opencode | Agent::Pi => return None,
    };
    let folder = transcript.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == records))?;
    folder.parent().filter(|home| home.is_absolute())
}

/// Finds the program's version in the beginning of its record.
pub fn version_in(agent: Agent, head: &str) -> Option<String> {
    let field = match agent {
        Agent::Claude => "\"version\":\"",
        Agent::Codex => "\"cli_version\":\"",
        Agent::Gemini | Agent::Opencode | Agent::Pi => return None,
    };
    let (_, rest) = head.split_once(field)?;
    let (version, _) = rest.split_once('"')?;
    let is_version = version.len() <= 40 && version.starts_with(|c: char| c.is_ascii_digit());
    is_version.then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_a_hook_printed_something_is_no_proof() {
        let printed = r#"{"attachment":{"type":"hook_success","stdout":"tieline message msg_1"}}"#;
        let taken = r#"{"attachment":{"type":"hook_additional_context","content":["tieline message msg_1"]}}"#;
        assert!(!shows(Agent::Claude, printed, "tieline message msg_1"));
        assert!(shows(Agent::Claude, taken, "tieline message msg_1"));
    }

    #[test]
    fn the_home_of_a_program_is_where_its_records_are() {
        let home = |agent, path| home_of(agent, Path::new(path)).and_then(Path::to_str);
        let rollout = "/home/u/.codex/sessions/2026/11/27/rollout-1.jsonl";
        assert_eq!(home(Agent::Claude, "/projects/.claude/projects/-w/1.jsonl"), Some("/projects/.claude"));
        assert_eq!(home(Agent::Codex, rollout), Some("/home/u/.codex"));
        assert_eq!(home(Agent::Claude, rollout), None);
        assert_eq!(home(Agent::Codex, "sessions/rollout-1.jsonl"), None, "a whole path is wanted");
        assert_eq!(home(Agent::Gemini, rollout), None);
    }

    #[test]
    fn nothing_is_printed_for_no_words() {
        assert_eq!(answer(Agent::Claude, "Stop", Carrier::Continue, ""), "");
        assert_eq!(answer(Agent::Codex, "Stop", Carrier::Continue, "x"), r#"{"decision":"block","reason":"x"}"#);
        assert_eq!(answer(Agent::Gemini, "AfterAgent", Carrier::Continue, "x"), r#"{"decision":"deny","reason":"x"}"#);
    }

    #[test]
    fn a_payload_that_says_nothing_is_an_error_in_words() {
        let missing = hear(Agent::Claude, "Stop", "{}").unwrap_err();
        assert_eq!(missing.to_string(), "the payload has no `session_id`");
        assert!(hear(Agent::Claude, "Stop", "{").unwrap_err().to_string().starts_with("the payload is not JSON"));
    }

    #[test]
    fn an_event_that_is_not_known_says_that_the_program_is_there() {
        let heard = hear(Agent::Claude, "Whatever", r#"{"session_id":"1"}"#).unwrap();
        assert_eq!((heard.signal, heard.activities.len()), (Signal::Noted, 0));
    }
}
