//! Looking into an agent program's own record of its session: the evidence that something came before the model.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use tieline_agents::{Agent, Heard, marker, shows, version_in};
use tieline_model::MessageId;

/// How much of the record's end is looked at, in bytes: what a turn leaves behind is far less.
const TAIL: u64 = 8 * 1024 * 1024;
/// How much of the record's beginning is looked at, in bytes.
const HEAD: u64 = 64 * 1024;

/// Returns which of these messages the record shows. A record that cannot be read shows nothing.
pub fn look(agent: Agent, heard: &Heard, awaited: &[MessageId]) -> Vec<MessageId> {
    let tail = heard.transcript.as_deref().and_then(|path| tail(path).ok()).unwrap_or_default();
    let prompt = heard.prompt.as_deref().unwrap_or_default();
    let is_there = |id: &&MessageId| {
        let marker = marker(**id);
        prompt.contains(&marker) || tail.lines().any(|line| shows(agent, line, &marker))
    };
    awaited.iter().filter(is_there).copied().collect()
}

/// Reads the program's version from the beginning of its record.
pub fn version(agent: Agent, transcript: &Path) -> Option<String> {
    let mut head = Vec::new();
    File::open(transcript).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    version_in(agent, &String::from_utf8_lossy(&head))
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use tieline_agents::hear;

    use super::*;

    #[test]
    fn what_the_record_or_the_prompt_shows_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let id = |n: u8| MessageId::from_slice(&[n; 16]).unwrap();
        let line = format!("{{\"type\":\"user\",\"text\":\"[{}] x\"}}\n", marker(id(1)));
        std::fs::write(&path, line).unwrap();
        let payload = serde_json::json!({
            "session_id": "s", "transcript_path": path, "prompt": format!("[{}] y", marker(id(2))),
        });
        let heard = hear(Agent::Claude, "UserPromptSubmit", &payload.to_string()).unwrap();
        assert_eq!(look(Agent::Claude, &heard, &[id(1), id(2), id(3)]), [id(1), id(2)]);
    }

    #[test]
    fn a_record_that_is_not_there_shows_nothing() {
        let payload = r#"{"session_id":"s","transcript_path":"/nowhere/t.jsonl"}"#;
        let heard = hear(Agent::Codex, "Stop", payload).unwrap();
        assert_eq!(look(Agent::Codex, &heard, &[MessageId::from_slice(&[1; 16]).unwrap()]), []);
    }
}
