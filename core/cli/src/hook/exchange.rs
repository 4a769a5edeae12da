//! One exchange with the daemon: what a hook says, and what the program's record shows of what was handed out before.

use tieline_agents::{Agent, Carrier, Heard, frame, home_of};
use tieline_model::{
    Command, MessageId, Reply,
    command::{Happened, Report},
    reply::Reported,
    runtime::Signal,
};

use super::{record, who::Who};
use crate::{client::Client, exit::Failed, run::unexpected};

/// How much text a hook can bring, in bytes: programs cut what is longer than about ten thousand.
pub const ROOM: u32 = 9_000;

/// Puts what a hook says into the mesh's words.
pub fn report(agent: Agent, event: &str, heard: &Heard, who: &Who) -> Box<Report> {
    Box::new(Report {
        agent: agent.as_str().to_owned(),
        native: heard.native.clone(),
        signal: heard.signal,
        hook: event.to_owned(),
        process: who.process,
        version: version(agent, heard),
        folder: heard.folder.clone(),
        pane: who.pane.clone(),
        listens: false,
        home: home(agent, heard),
        activities: heard.activities.iter().map(|what| Happened { at_ms: None, what: what.clone() }).collect(),
        seen: Vec::new(),
        missing: Vec::new(),
        // Who is prompted is prompted by its listener: nobody reads what a hook prints there.
        room: if matches!(heard.carrier, Some(Carrier::Context | Carrier::Continue)) { ROOM } else { 0 },
    })
}

fn home(agent: Agent, heard: &Heard) -> Option<String> {
    let home = home_of(agent, heard.transcript.as_deref()?)?;
    home.to_str().map(str::to_owned)
}

/// Tells the daemon. What an earlier hook brought is looked for; what is not there is missing when it `is_settled`.
pub async fn exchange(
    client: &Client,
    report: &mut Report,
    is_settled: bool,
    look: impl FnOnce(&[MessageId]) -> Vec<MessageId>,
) -> Result<Reported, Failed> {
    let told = send(client, report).await?;
    if !told.messages.is_empty() || told.awaited.is_empty() {
        return Ok(told);
    }
    let found = look(&told.awaited);
    if found.is_empty() && !is_settled {
        return Ok(told);
    }
    report.activities.clear();
    report.missing = told.awaited.iter().filter(|id| is_settled && !found.contains(id)).copied().collect();
    report.seen = found;
    send(client, report).await
}

/// Gives one report.
pub async fn send(client: &Client, report: &Report) -> Result<Reported, Failed> {
    match client.call_now(&Command::Report(Box::new(report.clone()))).await? {
        Reply::Reported(told) => Ok(told),
        other => Err(unexpected(&other)),
    }
}

/// Returns what comes before the model; nothing for no messages.
pub fn brought(told: &Reported) -> String {
    if told.messages.is_empty() { String::new() } else { frame(&told.title, &told.messages, told.missed) }
}

/// Reads the program's version from its record, where a turn begins.
fn version(agent: Agent, heard: &Heard) -> Option<String> {
    let transcript = heard.transcript.as_ref().filter(|_| heard.signal == Signal::Prompted)?;
    record::version(agent, transcript)
}
