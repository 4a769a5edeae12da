//! The doors: which one a program has, and what became of a line that went through.

use std::path::Path;

use crate::{
    claude, codex,
    queue::Queue,
    wake::{ProcessId, Wake},
};

/// Why a line did not go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shut {
    /// It may be otherwise in a moment.
    Busy(String),
    /// It is of no use.
    No(String),
}

impl From<String> for Shut {
    fn from(reason: String) -> Self {
        Shut::No(reason)
    }
}

/// A line that went through.
#[derive(Debug)]
pub enum Sent {
    /// Into the inbox of Claude Code: it cannot be taken back.
    Inbox,
    /// Into the queue of Codex.
    Queued {
        /// The program that looks after the queue.
        queue: Box<Queue>,
        /// The line's number there.
        line: String,
    },
}

/// Has a program's own door begin a turn. `number` is the request's, another one each time.
pub fn open(wake: &Wake, number: u64) -> Result<Sent, Shut> {
    let process = wake.process.ok_or_else(|| Shut::No("its process is not known".into()))?;
    let home =
        wake.home.as_deref().ok_or_else(|| Shut::No("the folder that it keeps its records in is not known".into()))?;
    check(&wake.prompt)?;
    if !tieline_process::is_alive(process.pid, process.started) {
        return Err(Shut::No(format!("its process {} is gone", process.pid)));
    }
    send(wake, number, process, Path::new(home))
}

fn send(wake: &Wake, number: u64, process: ProcessId, home: &Path) -> Result<Sent, Shut> {
    match wake.agent.as_str() {
        "claude" => {
            // What comes in the same words again within 30 seconds is dropped there.
            let prompt = format!("{} ({number})", wake.prompt);
            claude::prompt(process, home, &wake.native, &prompt).map(|()| Sent::Inbox)
        }
        "codex" => codex::prompt(process, home, &wake.native, &wake.prompt),
        other => Err(Shut::No(format!("`{other}` has no door of its own that is known"))),
    }
}

/// What goes through is the daemon's own line and never a peer's words.
fn check(prompt: &str) -> Result<(), Shut> {
    if prompt.starts_with("[tieline] ") && !prompt.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Shut::No("a prompt begins with `[tieline]` and is one line".into()))
}

impl Sent {
    /// No turn began: takes the line back where that is possible, and says what is known of it.
    pub fn take_back(self) -> String {
        match self {
            Sent::Inbox => {
                "its inbox took the line and no turn began: it may hold or refuse messages from outside, see \
                            `crossSessionInbound` in its settings"
                    .into()
            }
            Sent::Queued { mut queue, line } => match queue.delete(&line) {
                Ok(true) => {
                    "it did not take the line from its queue, as after a turn that was interrupted; the line was \
                             taken back"
                        .into()
                }
                Ok(false) => "it took the line from its queue and no turn began".into(),
                Err(reason) => format!("it did not take the line from its queue, where it still is: {reason}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake(agent: &str) -> Wake {
        let own = std::process::id();
        let started = tieline_process::find(own).unwrap().started;
        Wake {
            session: "ses_1".into(),
            agent: agent.into(),
            native: "n-1".into(),
            process: Some(ProcessId { pid: own, started }),
            home: Some("/nowhere".into()),
            prompt: "[tieline] mail for api: it comes with this prompt".into(),
        }
    }

    fn refused(wake: &Wake) -> String {
        match open(wake, 1) {
            Err(Shut::No(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_tried_without_proof() {
        assert_eq!(refused(&Wake { process: None, ..wake("claude") }), "its process is not known");
        let gone = Some(ProcessId { pid: std::process::id(), started: 1 });
        assert!(refused(&Wake { process: gone, ..wake("claude") }).ends_with("is gone"));
        assert!(refused(&Wake { home: None, ..wake("codex") }).contains("is not known"));
        assert_eq!(refused(&wake("gemini")), "`gemini` has no door of its own that is known");
    }

    #[test]
    fn only_the_daemons_own_line_goes_through() {
        for prompt in ["do it", "[tieline] a\nb", "[tieline]", " [tieline] x"] {
            assert!(refused(&Wake { prompt: prompt.into(), ..wake("claude") }).contains("is one line"), "{prompt:?}");
        }
    }
}
