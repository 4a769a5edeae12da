//! Transcripts as agent programs write them, made from a seed: the same seed gives the same files.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// What a generated transcript holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Lines, good and bad.
    pub lines: u64,
    /// Prompts of a person.
    pub prompts: u64,
    /// Tool calls.
    pub calls: u64,
    /// Lines that are no records.
    pub bad: u64,
    /// Records of a kind that nobody knows.
    pub unknown: u64,
}

/// A small generator of numbers (SplitMix64, public domain).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn words(&mut self, count: u64) -> String {
        const WORDS: [&str; 32] = [
            "the", "build", "test", "function", "reads", "writes", "a", "file", "of", "lines", "and", "fails",
            "passes", "with", "error", "in", "module", "parser", "index", "session", "message", "queue", "commit",
            "branch", "merge", "review", "because", "timeout", "value", "wrong", "fixed", "now",
        ];
        let mut text = String::new();
        for _ in 0..count {
            let word = match self.below(12) {
                0 => format!("part_{}", self.below(5000)),
                _ => WORDS[usize::try_from(self.below(32)).unwrap_or_default()].to_owned(),
            };
            let _in_memory = write!(text, "{word} ");
        }
        text.trim_end().to_owned()
    }
}

/// Writes transcripts of Claude Code into a folder until they have so many bytes; returns their files and what they hold.
///
/// # Errors
/// When a file cannot be written.
pub fn claude(folder: &Path, seed: u64, bytes: u64) -> io::Result<(Vec<PathBuf>, Contents)> {
    many(folder, seed, bytes, "claude", claude_session)
}

/// The same for rollout files of Codex.
///
/// # Errors
/// When a file cannot be written.
pub fn codex(folder: &Path, seed: u64, bytes: u64) -> io::Result<(Vec<PathBuf>, Contents)> {
    many(folder, seed, bytes, "rollout", codex_session)
}

type Session = fn(&mut Numbers, &str, &mut Contents) -> String;

fn many(folder: &Path, seed: u64, bytes: u64, prefix: &str, session: Session) -> io::Result<(Vec<PathBuf>, Contents)> {
    fs::create_dir_all(folder)?;
    let (mut numbers, mut contents, mut files, mut written) = (Numbers(seed), Contents::default(), Vec::new(), 0);
    while written < bytes {
        let id = format!("{:016x}-{:04x}", numbers.next(), files.len());
        let text = session(&mut numbers, &id, &mut contents);
        let path = folder.join(format!("{prefix}-{id}.jsonl"));
        fs::write(&path, &text)?;
        written += text.len() as u64;
        files.push(path);
    }
    Ok((files, contents))
}

struct Out<'a> {
    text: String,
    at_ms: u64,
    contents: &'a mut Contents,
}

impl Out<'_> {
    fn line(&mut self, record: &Value) {
        self.raw(&record.to_string());
    }

    fn raw(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.contents.lines += 1;
    }

    fn time(&mut self, numbers: &mut Numbers) -> String {
        self.at_ms += 100 + numbers.below(5000);
        let (seconds, ms) = (self.at_ms / 1000, self.at_ms % 1000);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        format!("2026-03-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", 1 + seconds / 86_400 % 28)
    }

    fn noise(&mut self, numbers: &mut Numbers) {
        match numbers.below(40) {
            0 => {
                self.raw("{\"type\":\"user\",\"mess");
                self.contents.bad += 1;
            }
            1 => {
                self.line(&json!({"type": "telepathy", "payload": {}}));
                self.contents.unknown += 1;
            }
            _ => {}
        }
    }
}

fn claude_session(numbers: &mut Numbers, id: &str, contents: &mut Contents) -> String {
    let mut out = Out { text: String::new(), at_ms: numbers.below(1 << 31), contents };
    for turn in 0..2 + numbers.below(8) {
        let base = |out: &mut Out<'_>, numbers: &mut Numbers| {
            json!({"sessionId": id, "cwd": "/work/project", "version": "2.1.330", "isSidechain": false,
                   "timestamp": out.time(numbers), "uuid": format!("{:x}", numbers.next())})
        };
        let with = |mut record: Value, more: Value| {
            if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
                record.extend(more);
            }
            record
        };
        let prompt = numbers.words(20);
        let record = base(&mut out, numbers);
        let prompt_id = format!("{id}-{turn}");
        out.line(&with(
            record,
            json!({"type": "user", "promptId": prompt_id, "message": {"role": "user", "content": prompt}}),
        ));
        out.contents.prompts += 1;
        for _ in 0..numbers.below(12) {
            let call = format!("toolu_{:x}", numbers.next());
            let input = json!({"command": numbers.words(8)});
            let usage = json!({"input_tokens": numbers.below(90_000), "output_tokens": numbers.below(900)});
            let content = json!([{"type": "text", "text": numbers.words(30)},
                                 {"type": "tool_use", "id": call, "name": "Bash", "input": input}]);
            let message = json!({"id": format!("msg_{:x}", numbers.next()), "role": "assistant", "model": "claude-opus-5-5",
                                 "content": content, "usage": usage, "stop_reason": "tool_use"});
            let record = base(&mut out, numbers);
            out.line(&with(record, json!({"type": "assistant", "message": message})));
            let size = 40 + numbers.below(400);
            let result = json!([{"type": "tool_result", "tool_use_id": call, "content": numbers.words(size),
                                 "is_error": numbers.below(9) == 0}]);
            let record = base(&mut out, numbers);
            out.line(&with(
                record,
                json!({"type": "user", "promptId": prompt_id, "message": {"role": "user", "content": result}}),
            ));
            out.contents.calls += 1;
            out.noise(numbers);
        }
        let message = json!({"id": format!("msg_{:x}", numbers.next()), "role": "assistant", "model": "claude-opus-5-5",
                             "content": [{"type": "text", "text": numbers.words(60)}],
                             "usage": {"input_tokens": 9, "output_tokens": 60}, "stop_reason": "end_turn"});
        let record = base(&mut out, numbers);
        out.line(&with(record, json!({"type": "assistant", "message": message})));
    }
    out.text
}

fn codex_session(numbers: &mut Numbers, id: &str, contents: &mut Contents) -> String {
    let mut out = Out { text: String::new(), at_ms: numbers.below(1 << 31), contents };
    let record = |out: &mut Out<'_>, numbers: &mut Numbers, kind: &str, payload: Value| {
        let at = out.time(numbers);
        out.line(&json!({"timestamp": at, "type": kind, "payload": payload}));
    };
    record(&mut out, numbers, "session_meta", json!({"id": id, "cwd": "/work/project", "cli_version": "0.169.0"}));
    let mut total = 0;
    for turn in 0..2 + numbers.below(8) {
        let turn = format!("{id}-{turn}");
        record(&mut out, numbers, "event_msg", json!({"type": "task_started", "turn_id": turn}));
        record(&mut out, numbers, "turn_context", json!({"turn_id": turn, "model": "gpt-6-codex"}));
        let said = json!([{"type": "input_text", "text": numbers.words(20)}]);
        record(&mut out, numbers, "response_item", json!({"type": "message", "role": "user", "content": said}));
        out.contents.prompts += 1;
        for _ in 0..numbers.below(12) {
            let call = format!("call_{:x}", numbers.next());
            let arguments = json!({"cmd": numbers.words(8)}).to_string();
            let called =
                json!({"type": "function_call", "name": "exec_command", "arguments": arguments, "call_id": call});
            record(&mut out, numbers, "response_item", called);
            let size = 40 + numbers.below(400);
            let output = format!("Process exited with code {}\nOutput:\n{}", numbers.below(2), numbers.words(size));
            let ended = json!({"type": "function_call_output", "call_id": call, "output": output});
            record(&mut out, numbers, "response_item", ended);
            let used = 10 + numbers.below(9000);
            total += used;
            let info = json!({"total_token_usage": {"total_tokens": total},
                              "last_token_usage": {"input_tokens": used - 5, "output_tokens": 5}});
            record(&mut out, numbers, "event_msg", json!({"type": "token_count", "info": info}));
            out.contents.calls += 1;
            out.noise(numbers);
        }
        let said = json!([{"type": "output_text", "text": numbers.words(60)}]);
        record(&mut out, numbers, "response_item", json!({"type": "message", "role": "assistant", "content": said}));
        record(&mut out, numbers, "event_msg", json!({"type": "task_complete", "turn_id": turn, "duration_ms": 900}));
    }
    out.text
}
