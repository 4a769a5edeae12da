//! What the process of a plugin prints, line by line, within bounds.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use crate::{callbacks::Callbacks, lock, text::text};

/// The rest of a longer line is left out.
const MOST_LINE: usize = 4000;
/// More lines within a second are left out.
const MOST_LINES: u32 = 100;
/// How many lines of its last words go into a reason, and how many characters.
const LAST_LINES: usize = 2;
const LAST_CHARS: usize = 300;
/// After such a pause, lines belong to something else.
const PAUSE: Duration = Duration::from_secs(1);
/// INFO in the numbers of the contract.
const INFO: u8 = 3;

/// Listens, and remembers what was said last.
#[derive(Debug)]
pub(crate) struct Output {
    last: Arc<Mutex<Words>>,
    ended: mpsc::Receiver<()>,
}

/// The first lines after a pause: those of a crash say what it is, and where it was follows.
#[derive(Debug, Default)]
struct Words {
    lines: Vec<String>,
    last: Option<Instant>,
}

impl Words {
    fn hear(&mut self, line: &str, now: Instant) {
        if self.last.replace(now).is_none_or(|last| now.duration_since(last) > PAUSE) {
            self.lines.clear();
        }
        if self.lines.len() < LAST_LINES {
            self.lines.push(line.to_owned());
        }
    }

    /// Returns them, unless they are too old to be about what has just happened.
    fn recall(&self, now: Instant) -> String {
        let are_new = self.last.is_some_and(|last| now.duration_since(last) <= PAUSE);
        let lines = if are_new { self.lines.join(" ") } else { String::new() };
        lines.chars().take(LAST_CHARS).collect()
    }
}

impl Output {
    /// Reads on a thread of its own until the end, and passes each line to the log of the plugin.
    pub(crate) fn listen(from: impl Read + Send + 'static, to: Arc<dyn Callbacks>) -> io::Result<Output> {
        let last = Arc::new(Mutex::new(Words::default()));
        let (ends, ended) = mpsc::channel();
        let words = Arc::clone(&last);
        std::thread::Builder::new().name(format!("output-{}", to.plugin())).spawn(move || {
            let mut rate = Rate { since: Instant::now(), taken: 0, left_out: 0 };
            lines(from, |line| {
                let now = Instant::now();
                lock(&words).hear(&line, now);
                if let Some(left_out) = rate.take(now) {
                    if left_out > 0 {
                        say(&*to, &format!("{left_out} lines were left out"));
                    }
                    say(&*to, &line);
                }
            });
            // Nobody waits for the end of a process that was stopped.
            let _unheard = ends.send(());
        })?;
        Ok(Output { last, ended })
    }

    /// Returns what a process that has just ended has said about it; empty when it has said nothing.
    pub(crate) fn last_words(&self) -> String {
        let now = Instant::now();
        // What it has started may keep the pipe open; then what was read counts.
        let _ended = self.ended.recv_timeout(Duration::from_millis(200));
        lock(&self.last).recall(now)
    }
}

fn say(to: &dyn Callbacks, line: &str) {
    to.log(INFO, "output", &serde_json::json!({ "message": line }).to_string());
}

/// Reads lines that are not empty, cut to their limit, until the stream ends.
fn lines(mut from: impl Read, mut each: impl FnMut(String)) {
    let (mut chunk, mut line) = ([0; 4096], Vec::new());
    let mut tell = |line: &mut Vec<u8>| {
        let said = text(line.trim_ascii()).replace(char::is_control, " ");
        line.clear();
        if !said.is_empty() {
            each(said);
        }
    };
    loop {
        match from.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A stream that cannot be read any more has ended.
            Ok(0) | Err(_) => return tell(&mut line),
            Ok(n) => {
                for &byte in &chunk[..n] {
                    match byte {
                        b'\n' => tell(&mut line),
                        _ if line.len() < MOST_LINE => line.push(byte),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Lets so many lines through a second.
#[derive(Debug)]
struct Rate {
    since: Instant,
    taken: u32,
    left_out: u32,
}

impl Rate {
    /// Says whether a line passes, and how many were left out before it.
    fn take(&mut self, now: Instant) -> Option<u32> {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.taken) = (now, 0);
        }
        if self.taken >= MOST_LINES {
            self.left_out += 1;
            return None;
        }
        self.taken += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_made_readable() {
        let printed = format!("one\n\n  two \r\n{}\nbad \u{1b}\nlast", "x".repeat(10_000));
        let mut said = Vec::new();
        lines(printed.as_bytes(), |line| said.push(line));
        assert_eq!(said.len(), 5);
        assert_eq!((said[0].as_str(), said[1].as_str(), said[4].as_str()), ("one", "two", "last"));
        assert!(said[2].len() <= MOST_LINE);
    }

    #[test]
    fn last_words_are_the_first_lines_after_a_pause_and_grow_old() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut words = Words::default();
        assert_eq!(words.recall(start), "");
        words.hear("ready", at(0));
        for (ms, line) in [(5000, "thread 'x' panicked:"), (5001, "too bad"), (5900, "backtrace")] {
            words.hear(line, at(ms));
        }
        assert_eq!(words.recall(at(6000)), "thread 'x' panicked: too bad");
        assert_eq!(words.recall(at(60_000)), "");
    }

    #[test]
    fn too_many_lines_are_counted_instead() {
        let start = Instant::now();
        let mut rate = Rate { since: start, taken: 0, left_out: 0 };
        let passed = (0..1000).filter(|_| rate.take(start).is_some()).count();
        assert_eq!(passed, MOST_LINES as usize);
        let later = start + Duration::from_secs(1);
        assert_eq!((rate.take(later), rate.take(later)), (Some(1000 - MOST_LINES), Some(0)));
    }
}
