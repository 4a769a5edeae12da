//! Looking into the program's record once more, when it rests: programs write their records a moment after the hook.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::{Command as Process, Stdio},
    time::{Duration, Instant},
};

use tieline_agents::Heard;
use tieline_model::{MessageId, command::Report, runtime::Signal};

use super::{
    exchange::{report, send},
    record, who,
};
use crate::{args::Hook, client::Client, exit::Failed};

/// How long it is looked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often.
const LOOK: Duration = Duration::from_millis(200);

/// Begins a process of its own that looks on: the agent waits for its hook, and not for this.
pub fn begin(args: &Hook, payload: &str) -> Result<(), Failed> {
    let mut child = Process::new(std::env::current_exe()?)
        .args(["hook", "--later", "--agent", args.agent.as_str(), &args.event])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(payload.as_bytes())?;
    }
    Ok(())
}

/// Looks until everything that was handed out is there, or for long enough to say that it is not.
pub fn look(client: &Client, args: &Hook, heard: &Heard) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = quiet(args, heard);
        let awaited = send(client, &report).await?.awaited;
        let begin = Instant::now();
        while !awaited.is_empty() {
            let seen = record::look(args.agent, heard, &awaited);
            let is_late = begin.elapsed() >= PATIENCE;
            if seen.len() == awaited.len() || is_late {
                report.missing = awaited.iter().filter(|id: &&MessageId| !seen.contains(id)).copied().collect();
                report.seen = seen;
                send(client, &report).await?;
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    })
}

/// A report that says nothing but what was found. Who started this process has ended by now.
fn quiet(args: &Hook, heard: &Heard) -> Box<Report> {
    let mut report = report(args.agent, &args.event, heard, &who::Who::default());
    report.signal = Signal::Recorded;
    report.activities.clear();
    report.room = 0;
    report
}
