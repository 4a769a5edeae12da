//! What can be said about a plugin: never a dead daemon, always a status to read.

use serde::Serialize;

use crate::Isolation;

/// How a plugin is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name: the manifest's, or that of the file while the manifest is not known.
    pub name: String,
    /// The name of its file.
    pub file: String,
    /// The manifest's version, once known.
    pub version: Option<String>,
    /// How it is.
    pub state: State,
    /// Where it went wrong, if it did.
    pub step: Option<Step>,
    /// What went wrong, as a sentence.
    pub reason: Option<String>,
    /// Why it was stopped, if it was.
    pub why: Option<Why>,
    /// Where it runs, once that is known.
    pub isolation: Option<Isolation>,
    /// The number of its own process, while it has one.
    pub pid: Option<u32>,
    /// The BLAKE3 hash of the file that this is about, in hexadecimal, once it was read.
    pub hash: Option<String>,
    /// Why what is in the folder now has not taken this one's place.
    pub pending: Option<Pending>,
    /// Since when it is in this state, in milliseconds since 1970.
    pub since_ms: i64,
    /// How often it was started anew after it had died.
    pub restarts: u32,
    /// How often another file took the place of the one before, or it was loaded again.
    pub reloads: u32,
    /// How long the last such change took, from the word to stop to the one that it runs, in microseconds.
    pub swap_gap_us: Option<u64>,
}

/// Why a plugin is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// All of them are.
    End,
    /// Another takes its place.
    Replaced,
    /// Its file is gone.
    Removed,
    /// A person wants it so.
    Disabled,
}

/// Something in the plugin folder that does not run, while an earlier one does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The hash of that file, once it was read.
    pub hash: Option<String>,
    /// Where it went wrong.
    pub step: Step,
    /// What went wrong, as a sentence.
    pub reason: String,
}

/// How a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its file is not complete yet.
    Waiting,
    /// It is being loaded.
    Starting,
    /// It runs.
    Running,
    /// It could not be loaded or started.
    Failed,
    /// It died, and a new instance comes after a pause.
    Restarting,
    /// It crashed, hung, or died too often, and is left alone.
    Quarantined,
    /// Its configuration says that it shall not run.
    Disabled,
    /// It was stopped.
    Stopped,
}

impl State {
    /// Tells whether nothing happens any more unless the plugin is loaded again.
    pub fn is_final(self) -> bool {
        matches!(self, State::Waiting | State::Failed | State::Quarantined | State::Disabled | State::Stopped)
    }

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Running => "running",
            State::Failed => "failed",
            State::Restarting => "restarting",
            State::Quarantined => "quarantined",
            State::Disabled => "disabled",
            State::Stopped => "stopped",
        }
    }
}

/// A step in the life of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Is the file a complete library of this machine?
    Elf,
    /// Copy it to where it is loaded from.
    Stage,
    /// Open it in a child process first.
    Probe,
    /// Has somebody said yes to it, and can nobody else have written it?
    Trust,
    /// Has it taken the daemon down before?
    Marker,
    /// Do its settings fit the schema of its manifest?
    Settings,
    /// Open it.
    Open,
    /// Find its declaration.
    Symbol,
    /// Is it made for this version of the contract?
    Version,
    /// Read what it says about itself.
    Manifest,
    /// Make an instance.
    Create,
    /// Start the instance.
    Start,
    /// Hand it messages.
    Deliver,
    /// Tell it about sockets.
    Sockets,
    /// Tell it that a timer has run out.
    Timer,
    /// Hand it a webhook request.
    Webhook,
    /// Tell it that there is room.
    Resume,
    /// A thread of its own.
    Thread,
    /// The process that it runs in.
    Process,
    /// Stop the instance.
    Stop,
    /// Free the instance.
    Destroy,
}

impl Step {
    const ALL: [Step; 21] = [
        Step::Elf,
        Step::Stage,
        Step::Probe,
        Step::Trust,
        Step::Marker,
        Step::Settings,
        Step::Open,
        Step::Symbol,
        Step::Version,
        Step::Manifest,
        Step::Create,
        Step::Start,
        Step::Deliver,
        Step::Sockets,
        Step::Timer,
        Step::Webhook,
        Step::Resume,
        Step::Thread,
        Step::Process,
        Step::Stop,
        Step::Destroy,
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Elf => "elf",
            Step::Stage => "stage",
            Step::Probe => "probe",
            Step::Trust => "trust",
            Step::Marker => "marker",
            Step::Settings => "settings",
            Step::Open => "open",
            Step::Symbol => "symbol",
            Step::Version => "version",
            Step::Manifest => "manifest",
            Step::Create => "create",
            Step::Start => "start",
            Step::Deliver => "deliver",
            Step::Sockets => "sockets",
            Step::Timer => "timer",
            Step::Webhook => "webhook",
            Step::Resume => "resume",
            Step::Thread => "thread",
            Step::Process => "process",
            Step::Stop => "stop",
            Step::Destroy => "destroy",
        }
    }

    /// Returns the step with this discriminant.
    pub(crate) fn from_index(index: usize) -> Option<Step> {
        Step::ALL.get(index).copied()
    }

    /// Reads the word for it.
    pub(crate) fn parse(word: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

/// Where it went wrong, and a sentence for the person who runs the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub step: Step,
    pub reason: String,
}

impl Problem {
    pub(crate) fn new(step: Step, reason: impl Into<String>) -> Self {
        Problem { step, reason: reason.into() }
    }

    /// Reads what another process has written as JSON: `{"step":…,"reason":…}`.
    pub(crate) fn read(json: &[u8]) -> Option<Problem> {
        let said: serde_json::Value = serde_json::from_slice(json).ok()?;
        let reason = said["reason"].as_str()?;
        Some(Problem::new(Step::parse(said["step"].as_str()?)?, crate::text::text(reason.as_bytes())))
    }
}

/// Why a file is not run.
#[derive(Debug)]
pub(crate) struct Refused {
    /// In which state that leaves it.
    pub state: State,
    pub problem: Problem,
    pub again: Again,
}

/// When a file that was refused is looked at again, although it has not changed itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Never.
    No,
    /// With any change in the folder: what was wrong lies outside of the file.
    Change,
    /// When another plugin has stopped.
    Room,
}

impl Refused {
    pub(crate) fn new(state: State, problem: Problem) -> Self {
        Refused { state, problem, again: Again::No }
    }

    /// A person has to say something, or to mend something.
    pub(crate) fn distrusted(reason: impl Into<String>) -> Self {
        let problem = Problem::new(Step::Trust, reason);
        Refused { state: State::Quarantined, problem, again: Again::Change }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused::new(State::Failed, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_reads_back_from_its_word() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.as_str()), Some(step));
            assert_eq!(Step::from_index(step as usize), Some(step));
            assert_eq!(serde_json::json!(step), step.as_str());
        }
        assert_eq!(Step::parse("nonsense"), None);
    }
}
