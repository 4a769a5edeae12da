//! MCP on standard input and output: the daemon's tools, for agents that start a program rather than call a URL.
//!
//! The tools come from the same definition as those at `/mcp`; each call becomes a command to the daemon. The token is an
//! agent's, never the human's: what an agent may do must not depend on who started it.

use std::process::ExitCode;

use rmcp::{RoleServer, ServiceExt, service::RequestContext, transport::stdio};
use serde_json::Value;
use tieline_model::{
    Address, Code, Command, PrincipalKind, Refusal, Reply,
    command::{RuntimeFind, Whoami},
    outcome::OutcomeJson,
    parse,
    reply::{RuntimeFound, SessionView, Whoami as WhoamiView},
};
use tieline_server::mcp::{Backend, ToolServer};
use tokio::sync::OnceCell;

use crate::{client::Client, context::Context, exit::Failed};

/// Commands whose sender may be named, and those whose session may be.
const SPEAKING: [&str; 8] =
    ["ask", "ask_many", "ack", "notify", "broadcast", "idle_watch", "file_lease", "file_release"];
const READING: [&str; 3] = ["inbox", "receipt", "record"];

/// What an agent is told that several could be.
const UNCERTAIN: &str = "it is not certain which session you are: no hook of the agent program that started this one \
                         has reported yet, and its token is every agent's. `whoami` lists the sessions that you may \
                         speak as: name yours in `as` (for `inbox` and `receipt` in `session`), or start `tieline mcp \
                         --session NAME`";

/// Speaks until standard input ends. `session` is the one that tools mean when they name none.
pub fn run(context: &Context, session: Option<Address>) -> anyhow::Result<ExitCode> {
    let client = context.client_as("agent")?;
    let is_shared = session.is_none() && context.tokens.is_default();
    let server =
        ToolServer::new(Daemon { client, session, is_shared, found: OnceCell::new(), is_agent: OnceCell::new() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let running = server.serve(stdio()).await?;
        running.waiting().await?;
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Carries tool calls out in the daemon.
struct Daemon {
    client: Client,
    /// The session that was named on the command line.
    session: Option<Address>,
    /// Whether the token is the one that all agents of this home have, so that it does not tell them apart.
    is_shared: bool,
    /// The session of the agent program that started this one, once a hook of it has reported.
    found: OnceCell<Address>,
    is_agent: OnceCell<()>,
}

impl Backend for Daemon {
    async fn call(&self, command: Value, _: &RequestContext<RoleServer>) -> OutcomeJson {
        match self.carry_out(command).await {
            Ok(outcome) => outcome,
            Err(Failed::Refused(refusal)) => OutcomeJson::Refusal(refusal),
            Err(Failed::Fault(fault)) => OutcomeJson::Fault(fault),
            // The daemon is away or the token is not good: the agent can say so, and try later.
            Err(failed) => OutcomeJson::Refusal(Refusal::new(Code::Busy, failed.to_string()).retry_after(5_000)),
        }
    }
}

impl Daemon {
    async fn carry_out(&self, command: Value) -> Result<OutcomeJson, Failed> {
        self.is_agent.get_or_try_init(|| self.check_token()).await?;
        let own = self.own().await?;
        let command = named(command, own.address());
        if matches!(own, Own::Uncertain) && wants_a_name(&command) {
            return Ok(OutcomeJson::Refusal(Refusal::new(Code::NotYourSession, UNCERTAIN)));
        }
        match parse::from_json::<Command>(command.to_string().as_bytes()) {
            Ok(command) => Ok(certain(self.client.command(&command).await?, &own)),
            Err(refusal) => Ok(OutcomeJson::Refusal(refusal)),
        }
    }

    /// Finds the session that tools mean when they name none: the one of the command line, else that of the agent program
    /// which started this process, as its hooks have told.
    async fn own(&self) -> Result<Own, Failed> {
        if let Some(session) = self.session.as_ref().or(self.found.get()) {
            return Ok(Own::Named(session.clone()));
        }
        if !self.is_shared {
            return Ok(Own::Home);
        }
        let find = Command::RuntimeFind(RuntimeFind { processes: crate::hook::ancestors() });
        match self.client.call(&find).await? {
            Reply::RuntimeFound(RuntimeFound { session: Some(session), .. }) => {
                let found = self.found.get_or_init(|| async { Address::Session(session) }).await;
                Ok(Own::Named(found.clone()))
            }
            Reply::RuntimeFound(RuntimeFound { has_programs: true, .. }) => Ok(Own::Uncertain),
            _ => Ok(Own::Home),
        }
    }

    async fn check_token(&self) -> Result<(), Failed> {
        match self.client.call(&Command::Whoami(Whoami {})).await? {
            Reply::Whoami(whoami) if whoami.principal.kind == PrincipalKind::Human => {
                let message = "this token is a human's; agents get one of their own: `tieline token create NAME`";
                Err(Failed::Refused(Refusal::new(Code::Forbidden, message)))
            }
            _ => Ok(()),
        }
    }
}

/// Which session an agent speaks as when it names none.
#[derive(Debug)]
enum Own {
    /// This one.
    Named(Address),
    /// The home of its token, which is its own, or which nobody else speaks with.
    Home,
    /// Its token is that of all agents of this home, and nothing tells which of them it is.
    Uncertain,
}

impl Own {
    const fn address(&self) -> Option<&Address> {
        match self {
            Own::Named(address) => Some(address),
            Own::Home | Own::Uncertain => None,
        }
    }
}

/// Puts into an answer, or takes out of it, whom the caller certainly speaks as.
fn certain(outcome: OutcomeJson, own: &Own) -> OutcomeJson {
    let OutcomeJson::Ok(Reply::Whoami(whoami)) = outcome else { return outcome };
    let session = match own {
        Own::Named(address) => {
            let is_it = |view: &&SessionView| {
                matches!(address, Address::Session(session) if *session == view.id) || address.to_string() == view.title
            };
            whoami.sessions.iter().find(is_it).map(|view| view.id)
        }
        Own::Home => whoami.session,
        Own::Uncertain => None,
    };
    OutcomeJson::Ok(Reply::Whoami(WhoamiView { session, ..whoami }))
}

/// Fills in the session that was named on the command line where the call names none.
fn named(mut command: Value, session: Option<&Address>) -> Value {
    let (Some(session), Some(variants)) = (session, command.as_object_mut()) else { return command };
    for (tool, fields) in variants {
        let field = match tool.as_str() {
            tool if SPEAKING.contains(&tool) => "as",
            tool if READING.contains(&tool) => "session",
            _ => continue,
        };
        if let Some(fields) = fields.as_object_mut() {
            fields.entry(field).or_insert_with(|| session.to_string().into());
        }
    }
    command
}

/// Tells whether a call speaks or reads for a session that it does not name.
fn wants_a_name(command: &Value) -> bool {
    command.as_object().is_some_and(|variants| {
        variants.iter().any(|(tool, fields)| {
            let is_named = |field: &str| fields.get(field).is_some_and(|value| !value.is_null());
            (SPEAKING.contains(&tool.as_str()) && !is_named("as"))
                || (READING.contains(&tool.as_str()) && !is_named("session"))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_session_of_the_command_line_is_meant_when_a_call_names_none() {
        let session: Address = "review".parse().unwrap();
        let filled = |command| named(command, Some(&session));
        assert_eq!(filled(json!({"notify": {"to": "a"}})), json!({"notify": {"to": "a", "as": "review"}}));
        assert_eq!(filled(json!({"inbox": {}})), json!({"inbox": {"session": "review"}}));
        assert_eq!(filled(json!({"ask": {"as": "other"}})), json!({"ask": {"as": "other"}}));
        assert_eq!(filled(json!({"file_release": {}})), json!({"file_release": {"as": "review"}}));
        assert_eq!(filled(json!({"whoami": {}})), json!({"whoami": {}}));
        assert_eq!(named(json!({"inbox": {}}), None), json!({"inbox": {}}));
    }
}
