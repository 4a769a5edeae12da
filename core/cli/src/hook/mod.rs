//! `tieline hook`: tells the daemon what an agent program does, and brings what waits for its session before the model.
//!
//! The agent waits for it, so it is one short exchange with a deadline, and whatever goes wrong leaves the agent alone.

mod later;
mod record;
mod who;

use std::{io::Read, process::ExitCode, time::Duration};

use tieline_agents::{Agent, Carrier, Heard, Neighbour, answer, frame, hear, primer};
use tieline_model::{
    Command, Message, Reply,
    command::{Happened, Report, SessionList},
    reply::Reported,
    runtime::Signal,
};

pub use who::ancestors;

use crate::{args::Hook, client::Client, context::Context, exit::Failed, run::unexpected};

/// How long the daemon may take for everything.
const DEADLINE: Duration = Duration::from_secs(3);
/// The longest payload that is read, in bytes.
const MAX_PAYLOAD: u64 = 16 * 1024 * 1024;
/// How much text a hook can bring, in bytes: programs cut what is longer than about ten thousand.
const ROOM: u32 = 9_000;
/// How many of those in its circle an agent may hear of when it starts.
const NEIGHBOURS: u32 = 50;

/// Runs one hook. Only with `--strict` does it fail.
pub fn run(context: &Context, args: &Hook) -> ExitCode {
    match told(context, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Where the agent program shows it to whoever looks for it, and nobody else.
            eprintln!("tieline hook {}: {failed}", args.event);
            if args.strict { ExitCode::from(failed.exit_code()) } else { ExitCode::SUCCESS }
        }
    }
}

fn told(context: &Context, args: &Hook) -> Result<(), Failed> {
    let mut payload = String::new();
    std::io::stdin().lock().take(MAX_PAYLOAD).read_to_string(&mut payload)?;
    let heard = hear(args.agent, &args.event, &payload).map_err(|error| Failed::Input(error.to_string()))?;
    let client = context.client_as("agent")?;
    if args.later {
        return later::look(&client, args, &heard);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Told { words, is_awaited } = runtime.block_on(async {
        let told = tokio::time::timeout(DEADLINE, tell(&client, args, &heard)).await;
        told.unwrap_or_else(|_| Err(Failed::Input(format!("no answer within {} seconds", DEADLINE.as_secs()))))
    })?;
    if is_awaited && heard.signal == Signal::Rested {
        // No hook comes while the program rests.
        later::begin(args, &payload)?;
    }
    let carrier = heard.carrier.unwrap_or(Carrier::Context);
    let out = answer(args.agent, &args.event, carrier, &words);
    if !out.is_empty() {
        println!("{out}");
    }
    Ok(())
}

/// What the daemon had to say.
struct Told {
    /// What the hook brings before the model.
    words: String,
    /// Whether something that was handed out earlier is not in the program's record yet.
    is_awaited: bool,
}

/// Tells the daemon, and takes what it has for the model.
async fn tell(client: &Client, args: &Hook, heard: &Heard) -> Result<Told, Failed> {
    let mut report = report(args, heard);
    let mut told = send(client, &report).await?;
    if told.messages.is_empty() && !told.awaited.is_empty() {
        // What an earlier hook brought: the program's own record tells whether it arrived.
        let found = record::look(args.agent, heard, &told.awaited);
        if !found.is_empty() || heard.is_settled {
            report.activities.clear();
            report.missing =
                told.awaited.iter().filter(|id| heard.is_settled && !found.contains(id)).copied().collect();
            report.seen = found;
            told = send(client, &report).await?;
        }
    }
    let mail = brought(&told.title, &told.messages, told.missed);
    let is_awaited = !told.awaited.is_empty();
    if !heard.is_start {
        return Ok(Told { words: mail, is_awaited });
    }
    let welcome = welcome(client, &told).await?;
    let words = if mail.is_empty() { welcome } else { format!("{welcome}\n\n{mail}") };
    Ok(Told { words, is_awaited })
}

fn report(args: &Hook, heard: &Heard) -> Box<Report> {
    let who = who::found();
    Box::new(Report {
        agent: args.agent.as_str().to_owned(),
        native: heard.native.clone(),
        signal: heard.signal,
        hook: args.event.clone(),
        process: who.process,
        version: version(args.agent, heard),
        folder: heard.folder.clone(),
        pane: who.pane,
        activities: heard.activities.iter().map(|what| Happened { at_ms: None, what: what.clone() }).collect(),
        seen: Vec::new(),
        missing: Vec::new(),
        room: if heard.carrier.is_some() { ROOM } else { 0 },
    })
}

/// Reads the program's version from its record, where a turn begins.
fn version(agent: Agent, heard: &Heard) -> Option<String> {
    let transcript = heard.transcript.as_ref().filter(|_| heard.signal == Signal::Prompted)?;
    record::version(agent, transcript)
}

async fn send(client: &Client, report: &Report) -> Result<Reported, Failed> {
    match client.call_now(&Command::Report(Box::new(report.clone()))).await? {
        Reply::Reported(told) => Ok(told),
        other => Err(unexpected(&other)),
    }
}

fn brought(title: &str, messages: &[Message], missed: u32) -> String {
    if messages.is_empty() { String::new() } else { frame(title, messages, missed) }
}

/// What an agent is told when its session starts, so that a first contact needs no tool.
async fn welcome(client: &Client, told: &Reported) -> Result<String, Failed> {
    let list = SessionList { circle: Some(told.circle.clone()), limit: Some(NEIGHBOURS), ..SessionList::default() };
    let Reply::Sessions(sessions) = client.call_now(&Command::SessionList(list)).await? else {
        return Ok(String::new());
    };
    let waiting = sessions.sessions.iter().find(|session| session.id == told.session).map_or(0, |own| own.pending);
    let others: Vec<Neighbour> = sessions
        .sessions
        .into_iter()
        .filter(|session| session.id != told.session && session.state.takes_messages())
        .map(|session| Neighbour {
            title: session.title,
            agent: session.runtime.as_ref().map(|runtime| runtime.agent.clone()),
            state: match session.runtime {
                Some(runtime) => runtime.presence.as_str().to_owned(),
                None => session.state.as_str().to_owned(),
            },
        })
        .collect();
    Ok(primer(&told.title, &told.circle, &others, waiting))
}
