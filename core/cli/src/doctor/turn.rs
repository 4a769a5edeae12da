//! A message to an agent program and before its model: the program is run for one turn, as its owner has set it up.
//!
//! A session is left for it in a folder of its own, with a message in it, as if such a program had ended there. Only when the message is
//! found in the record that the program keeps of its conversation has it arrived.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal as Kill, kill_process_group};
use serde::Serialize;
use tieline_agents::one_turn;
use tieline_model::{
    Address, Command, DeliveryState, MessageId, Reply, SessionId,
    command::{MessageRef, Notify, Report, SessionRef},
    reply::Trace,
    runtime::Signal,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command as Process},
};

use crate::{
    client::{Client, random_hex},
    context::Context,
    exit::Failed,
    run::unexpected,
    setup::Found,
};

/// How long the turn may take: a model that is asked for one word needs seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long its record is looked at after it has ended: some are written a moment later.
const AFTER: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);
/// How much of what a program says about its failure is kept, in bytes.
const MAX_SAID: u64 = 64 << 10;
const PROMPT: &str = "Reply with the single word: ok";
const MAIL: &str = "a check by `tieline doctor agents`: nothing is to be done";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// The message is in the program's own record.
    Seen {
        /// After so many milliseconds.
        ms: u64,
        /// What shows it.
        evidence: String,
    },
    /// It is not.
    Failed {
        /// As far as it came.
        reason: String,
    },
}

/// Runs a program for one turn, and sees whether the message arrives.
pub async fn run(context: &Context, found: &Found) -> Result<Turn, Failed> {
    let (person, agent) = (context.client()?, context.client_as("agent")?);
    let folder = Folder::make()?;
    let begun = Instant::now();
    let session = leave(&agent, found, &folder).await?;
    let notify = Notify { expires_in_ms: Some(600_000), ..Notify::new(Address::Session(session), MAIL) };
    let message = match person.call(&Command::Notify(notify)).await? {
        Reply::Accepted(accepted) => accepted.message,
        other => return Err(unexpected(&other)),
    };
    let turn = take(&person, found, &folder, message).await;
    // Whatever became of it, it is nobody's session any more.
    let archived = person.call(&Command::SessionArchive(SessionRef { session: Address::Session(session) })).await;
    let turn = match turn? {
        Ok(evidence) => Turn::Seen { ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), evidence },
        Err(reason) => Turn::Failed { reason },
    };
    archived.map(|_| turn)
}

/// Opens the session that a program of this kind has left in the folder.
async fn leave(agent: &Client, found: &Found, folder: &Folder) -> Result<SessionId, Failed> {
    let native = format!("doctor-{}", random_hex()?);
    let mut report = Report::new(found.agent.as_str(), &native, "doctor", Signal::Ended);
    report.folder = Some(folder.0.to_string_lossy().into_owned());
    match agent.call(&Command::Report(Box::new(report))).await? {
        Reply::Reported(reported) => Ok(reported.session),
        other => Err(unexpected(&other)),
    }
}

/// Runs the turn; returns the evidence that the message was seen, or how far it came.
async fn take(
    person: &Client,
    found: &Found,
    folder: &Folder,
    message: MessageId,
) -> Result<Result<String, String>, Failed> {
    let mut program = match Running::start(found, folder) {
        Ok(program) => program,
        Err(error) => return Ok(Err(format!("`{}` did not start: {error}", found.program.display()))),
    };
    let begun = Instant::now();
    let mut ended: Option<(Instant, ExitStatus)> = None;
    loop {
        let trace = match person.call(&Command::Trace(MessageRef { message })).await? {
            Reply::Trace(trace) => trace,
            other => return Err(unexpected(&other)),
        };
        if let Some(evidence) = evidence(&trace, DeliveryState::Seen) {
            return Ok(Ok(evidence));
        }
        if ended.is_none() {
            ended = program.child.try_wait()?.map(|status| (Instant::now(), status));
        }
        let is_over = ended.is_some_and(|(at, status)| !status.success() || at.elapsed() >= AFTER);
        if is_over || begun.elapsed() >= PATIENCE {
            return Ok(Err(program.story(ended.map(|(_, status)| status), &trace).await));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn evidence(trace: &Trace, state: DeliveryState) -> Option<String> {
    let of = trace.deliveries.first()?.evidence.iter().find(|evidence| evidence.state == state)?;
    Some(of.what.clone())
}

/// A program that is ended with everything that it has started.
struct Running {
    child: Child,
}

impl Running {
    fn start(found: &Found, folder: &Folder) -> std::io::Result<Self> {
        let mut process = Process::new(&found.program);
        process.args(one_turn(found.agent, PROMPT)).current_dir(&folder.0);
        process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        Ok(Self { child: process.spawn()? })
    }

    /// Says how far it came, and what the program itself says about it.
    async fn story(&mut self, ended: Option<ExitStatus>, trace: &Trace) -> String {
        let how_far = match trace.deliveries.first().map(|one| one.delivery.state) {
            Some(DeliveryState::Delivered) => "the message was brought, and is not in its record",
            Some(DeliveryState::Sent) => "the message was handed to a hook, and is not in its record",
            _ => "none of its hooks asked for the message: it may not trust them, or not run them",
        };
        let Some(status) = ended else {
            return format!("{how_far}; its turn did not end within {} seconds", PATIENCE.as_secs());
        };
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // What it has started may still hold its end of the pipe.
            let _late = tokio::time::timeout(AFTER, stderr.take(MAX_SAID).read_to_end(&mut said)).await;
        }
        let said = String::from_utf8_lossy(&said);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let last: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
        match (status.success(), last.is_empty()) {
            (true, _) => format!("{how_far}; its turn has ended"),
            (false, true) => format!("{how_far}; it ended with {status}"),
            (false, false) => format!("{how_far}; it ended with {status}: {last}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // There is no id any more once it has ended. Until then the group has only what it has started.
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            let _gone = kill_process_group(group, Kill::KILL);
        }
    }
}

/// A folder for one turn, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("doctor-{}", &random_hex()?[..8]));
        std::fs::create_dir(&path)?;
        // Programs tell the real place.
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
