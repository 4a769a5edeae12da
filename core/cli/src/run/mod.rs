//! One function per command: typed input to a command of the model, its reply to the output. No decisions.

mod ask;
mod bundle;
mod config;
pub mod confirm;
mod events;
mod export;
mod file;
mod import;
mod import_lines;
mod inbox;
mod job;
mod memory;
mod names;
mod plugin;
mod primer;
mod purge;
mod record;
mod schedule;
mod search;
mod send;
mod service;
mod session;
mod setup;
mod spawn;
mod text;
mod timeline;
mod token;

pub use ask::unexpected;

use std::{future::Future, io::IsTerminal, path::Path, process::ExitCode};

use clap::CommandFactory;
use serde_json::json;
use tieline_model::{
    Command,
    command::{MessageRef, NeedsYou, PeerList, SessionRef, Whoami},
    outcome::OutcomeJson,
};

use crate::{
    args::{Cli, Verb},
    context::Context,
    demo, doctor,
    exit::Failed,
    hook, mcp,
    output::may_color,
    render::{self, Style},
    serve,
};

/// Runs what was typed and tells how it went.
pub fn main(cli: Cli) -> ExitCode {
    let is_json = cli.global.json;
    match run(cli) {
        Ok(code) => code,
        Err(failed) => {
            report(&failed, is_json);
            ExitCode::from(failed.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failed> {
    if let Verb::Completions(args) = &cli.verb {
        let mut script = Vec::new();
        clap_complete::generate(args.shell, &mut Cli::command(), "tieline", &mut script);
        std::io::Write::write_all(&mut std::io::stdout(), &script)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Verb::PluginHost(args) = &cli.verb {
        // Before anything else: it closes what is open.
        tieline_host::plugin_host(&args.file);
    }
    let context = Context::new(&cli.global)?;
    match cli.verb {
        Verb::Serve(args) => {
            let config = context.config(args.flags())?.config;
            serve::run(&context.home, &context.env, args.flags(), config).map_err(cause)
        }
        Verb::PluginProbe(args) => Ok(probe(&args.file)),
        Verb::Hook(args) => Ok(hook::run(&context, &args)),
        Verb::Mcp(args) => mcp::run(&context, args.session).map_err(cause),
        Verb::Primer(args) => primer::primer(&context, &args).map(|()| ExitCode::SUCCESS),
        Verb::Config(args) => config::run(&context, args.verb).map(|()| ExitCode::SUCCESS),
        verb => wait(act(&context, verb)).map(|()| ExitCode::SUCCESS),
    }
}

async fn act(context: &Context, verb: Verb) -> Result<(), Failed> {
    let simple = |command: Command| async move { context.out.reply(&context.call(&command).await?) };
    match verb {
        Verb::Ask(args) => ask::ask(context, args).await,
        Verb::Ack(args) => send::ack(context, args).await,
        Verb::Notify(args) => send::notify(context, args).await,
        Verb::Broadcast(args) => send::broadcast(context, args).await,
        Verb::AskMany(args) => send::ask_many(context, args).await,
        Verb::Cancel(args) => send::cancel(context, args).await,
        Verb::Inbox(args) => inbox::inbox(context, args).await,
        Verb::Sessions(args) => session::run(context, args).await,
        Verb::Spawn(args) => spawn::run(context, args).await,
        Verb::Peers(args) => simple(Command::PeerList(PeerList { session: args.session })).await,
        Verb::Trace(args) => simple(Command::Trace(MessageRef { message: args.id })).await,
        Verb::Thread(args) => simple(Command::Thread(MessageRef { message: args.id })).await,
        Verb::Needs => simple(Command::NeedsYou(NeedsYou {})).await,
        Verb::Why(args) => simple(Command::Why(SessionRef { session: args.session })).await,
        Verb::Events(args) => events::events(context, args).await,
        Verb::Timeline(args) => timeline::timeline(context, args).await,
        Verb::Search(args) => search::search(context, args).await,
        Verb::Recall(args) => search::recall(context, args).await,
        Verb::Export(args) => export::export(context, args).await,
        Verb::Purge(args) => purge::purge(context, args).await,
        Verb::Import(args) => import::import(context, args).await,
        Verb::Record(args) => record::record(context, args).await,
        Verb::Schedule(args) => schedule::run(context, args).await,
        Verb::Jobs(args) => job::run(context, args).await,
        Verb::Memory(args) => memory::run(context, args).await,
        Verb::Files(args) => file::run(context, args).await,
        Verb::Whoami => simple(Command::Whoami(Whoami {})).await,
        Verb::Token(args) => token::run(context, args).await,
        Verb::Plugins(args) => plugin::run(context, args).await,
        Verb::Doctor(args) => doctor::run(context, args).await,
        Verb::Setup(args) => setup::run(context, &args),
        Verb::Service(args) => service::run(context, args),
        Verb::Demo => demo::run(context).await,
        Verb::Config(_)
        | Verb::Primer(_)
        | Verb::Completions(_)
        | Verb::Mcp(_)
        | Verb::Hook(_)
        | Verb::Serve(_)
        | Verb::PluginProbe(_)
        | Verb::PluginHost(_) => {
            unreachable!("these were run above, without a runtime of ours")
        }
    }
}

/// What the daemon runs as a child: a plugin that breaks this process breaks no other.
fn probe(file: &Path) -> ExitCode {
    ExitCode::from(u8::try_from(tieline_host::probe(file)).unwrap_or(u8::MAX))
}

/// Finds a failure of ours again that was wrapped on its way.
fn cause(error: anyhow::Error) -> Failed {
    error.downcast::<Failed>().unwrap_or_else(Failed::Other)
}

fn wait<T>(future: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// Tells a failure: to people on standard error, to programs on standard output.
fn report(failed: &Failed, is_json: bool) {
    let json = match failed {
        Failed::PipeClosed => return,
        Failed::No(words) if words.is_empty() => return,
        Failed::Refused(refusal) => serde_json::to_value(OutcomeJson::Refusal(refusal.clone())),
        Failed::Fault(fault) => serde_json::to_value(OutcomeJson::Fault(fault.clone())),
        Failed::Config(problems) => Ok(json!({ "problems": problems })),
        other => Ok(json!({ "error": { "exit_code": other.exit_code(), "message": other.to_string() } })),
    };
    if is_json {
        println!("{}", json.unwrap_or_default());
    } else {
        let style = Style { color: may_color(std::io::stderr().is_terminal()) };
        eprintln!("{}", render::failure(failed, &style));
    }
}
