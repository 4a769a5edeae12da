//! MCP on standard input and output: the daemon's tools, for agents that start a program rather than call a URL.
//!
//! The tools come from the same definition as those at `/mcp`; each call becomes a command to the daemon. The token is an
//! agent's, never the human's: what an agent may do must not depend on who started it.

use std::process::ExitCode;

use rmcp::{RoleServer, ServiceExt, service::RequestContext, transport::stdio};
use serde_json::Value;
use tieline_model::{
    Address, Code, Command, PrincipalKind, Refusal, Reply, command::Whoami, outcome::OutcomeJson, parse,
};
use tieline_server::mcp::{Backend, ToolServer};
use tokio::sync::OnceCell;

use crate::{client::Client, context::Context, exit::Failed};

/// Commands whose sender may be named, and those whose session may be.
const SPEAKING: [&str; 5] = ["ask", "ask_many", "ack", "notify", "broadcast"];
const READING: [&str; 3] = ["inbox", "receipt", "record"];

/// Speaks until standard input ends. `session` is the one that tools mean when they name none.
pub fn run(context: &Context, session: Option<Address>) -> anyhow::Result<ExitCode> {
    let client = context.client_as("agent")?;
    let server = ToolServer::new(Daemon { client, session, is_agent: OnceCell::new() });
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
    session: Option<Address>,
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
        let command = named(command, self.session.as_ref());
        match parse::from_json::<Command>(command.to_string().as_bytes()) {
            Ok(command) => self.client.command(&command).await,
            Err(refusal) => Ok(OutcomeJson::Refusal(refusal)),
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
        assert_eq!(filled(json!({"whoami": {}})), json!({"whoami": {}}));
        assert_eq!(named(json!({"inbox": {}}), None), json!({"inbox": {}}));
    }
}
