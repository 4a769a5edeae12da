//! `tieline hook`: tells the daemon what an agent program does, and brings what waits for its session before the model.
//!
//! The agent waits for it, so it is one short exchange with a deadline, and whatever goes wrong leaves the agent alone.

mod exchange;
mod follow;
mod later;
mod listen;
mod record;
mod who;

use std::{io::Read, process::ExitCode, time::Duration};

use tieline_agents::{Carrier, Heard, Neighbour, answer, hear, primer};
use tieline_model::{Command, Reply, command::SessionList, reply::Reported, runtime::Signal};

pub use who::ancestors;

use crate::{args::Hook, client::Client, context::Context, exit::Failed};

/// How long the daemon may take for everything.
const DEADLINE: Duration = Duration::from_secs(3);
/// The longest payload that is read, in bytes.
const MAX_PAYLOAD: u64 = 16 * 1024 * 1024;
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
    if args.listen {
        return listen::run(context, args.agent);
    }
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
    let mut report = exchange::report(args.agent, &args.event, heard, &who::found(args.agent));
    let told =
        exchange::exchange(client, &mut report, heard.is_settled, |awaited| record::look(args.agent, heard, awaited))
            .await?;
    let mail = exchange::brought(&told);
    let is_awaited = !told.awaited.is_empty();
    if !heard.is_start {
        return Ok(Told { words: mail, is_awaited });
    }
    let welcome = welcome(client, &told).await?;
    let words = if mail.is_empty() { welcome } else { format!("{welcome}\n\n{mail}") };
    Ok(Told { words, is_awaited })
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
