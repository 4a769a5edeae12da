//! The part of Codex that looks after queues, `codex app-server`: started for one line, asked over its input and output with
//! one JSON object a line, and ended with the line.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to end by itself.
const END: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
/// How many lines may wait to be read.
const LINES: usize = 64;
/// The longest line, in bytes.
const MAX_LINE: u64 = 1024 * 1024;
/// What it may be given of the environment: nothing that the daemon was given.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// It, as long as it runs.
#[derive(Debug)]
pub struct Queue {
    child: Child,
    /// `None` when it shall end.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    thread: String,
    id: u64,
}

impl Queue {
    /// Starts it for a folder of Codex; returns its version too.
    pub fn open(program: &Path, home: &Path) -> Result<(Self, String), String> {
        let mut command = Command::new(program);
        command.arg("app-server").env_clear().env("CODEX_HOME", home).env("PATH", PATH).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("`codex app-server` does not start: {error}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (to_us, lines) = sync_channel(LINES);
        let mut queue = Self { child, stdin, lines, thread: String::new(), id: 0 };
        let stdout = stdout.ok_or("`codex app-server` has no output")?;
        let read = move || {
            let mut reader = BufReader::new(stdout);
            loop {
                let mut line = String::new();
                match reader.by_ref().take(MAX_LINE).read_line(&mut line) {
                    // Whoever asked has gone, or it has ended.
                    Ok(1..) if to_us.send(line).is_ok() => {}
                    _ => return,
                }
            }
        };
        thread::Builder::new().name("codex-queue".into()).spawn(read).map_err(|error| error.to_string())?;
        let client = json!({"name": "tieline", "title": "Tieline", "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({"clientInfo": client, "capabilities": {"experimentalApi": true}});
        let version = version_in(&queue.call("initialize", &hello)?)?;
        queue.write(&json!({"method": "initialized"}))?;
        Ok((queue, version))
    }

    /// Tells how many lines wait for a thread, as far as one page shows.
    pub fn len(&mut self, thread: &str) -> Result<usize, String> {
        let list = self.call("thread/queue/list", &json!({"threadId": thread}))?;
        list["data"].as_array().map(Vec::len).ok_or_else(|| format!("its queue is {}; wanted a list", list["data"]))
    }

    /// Puts a line in; returns its number there.
    pub fn add(&mut self, thread: &str, text: &str) -> Result<String, String> {
        self.thread = thread.to_owned();
        let input = json!([{"type": "text", "text": text}]);
        let id = format!("tieline-{}", self.child.id());
        let added =
            self.call("thread/queue/add", &json!({"threadId": thread, "clientUserMessageId": id, "input": input}))?;
        let line = added["queuedSubmission"]["id"].as_str();
        line.map(str::to_owned).ok_or_else(|| "its queue does not say the number of the line".into())
    }

    /// Takes a line out; false when it is not there any more.
    pub fn delete(&mut self, line: &str) -> Result<bool, String> {
        let wanted = json!({"threadId": self.thread, "queuedSubmissionId": line});
        Ok(self.call("thread/queue/delete", &wanted)?["deleted"] == true)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.id += 1;
        let id = self.id;
        self.write(&json!({"id": id, "method": method, "params": params}))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line =
                self.lines.recv_timeout(left).map_err(|_| format!("`codex app-server` does not answer {method}"))?;
            if let Some(answer) = answer(&line, id) {
                return answer.map_err(|reason| format!("`codex app-server` refuses {method}: {reason}"));
            }
        }
    }

    fn write(&mut self, frame: &Value) -> Result<(), String> {
        let stdin = self.stdin.as_mut().ok_or("`codex app-server` has ended")?;
        let written = stdin.write_all(format!("{frame}\n").as_bytes()).and_then(|()| stdin.flush());
        written.map_err(|error| format!("`codex app-server` takes nothing: {error}"))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // It ends with its input.
        self.stdin = None;
        let until = Instant::now() + END;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK);
        }
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Returns the answer to a call, if the line is that: other lines tell news.
fn answer(line: &str, id: u64) -> Option<Result<Value, String>> {
    let mut frame: Value = serde_json::from_str(line).ok()?;
    if frame["id"].as_u64() != Some(id) || frame.get("method").is_some() {
        return None;
    }
    let error = frame["error"]["message"].as_str().map(str::to_owned);
    Some(error.map_or_else(|| Ok(frame["result"].take()), Err))
}

/// Finds the version in how it presents itself, as in `tieline/0.169.0 (Debian …)`.
fn version_in(hello: &Value) -> Result<String, String> {
    let agent = hello["userAgent"].as_str().unwrap_or_default();
    let version = agent.split_once('/').and_then(|(_, rest)| rest.split_whitespace().next());
    version
        .map(str::to_owned)
        .ok_or_else(|| format!("`codex app-server` calls itself {agent:?}; wanted a version in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_news_and_from_questions() {
        let news = r#"{"method":"configWarning","params":{}}"#;
        let question = r#"{"id":2,"method":"item/tool/call","params":{}}"#;
        for line in [news, question, r#"{"id":1,"result":{}}"#, "nonsense", "[]"] {
            assert_eq!(answer(line, 2), None, "{line}");
        }
        assert_eq!(answer(r#"{"id":2,"result":{"deleted":true}}"#, 2), Some(Ok(json!({"deleted": true}))));
        assert_eq!(answer(r#"{"id":2,"error":{"code":-1,"message":"no"}}"#, 2), Some(Err("no".into())));
    }

    #[test]
    fn the_version_is_what_runs_and_not_ours() {
        let hello = json!({"userAgent": "tieline/0.169.0 (Debian 12.0.0; x86_64) unknown (tieline; 0.1.0)"});
        assert_eq!(version_in(&hello), Ok("0.169.0".into()));
        assert!(version_in(&json!({})).unwrap_err().contains("wanted a version"));
    }
}
