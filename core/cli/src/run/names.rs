//! Events with the titles of their sessions.

use std::collections::HashMap;

use tieline_model::{
    Address, Command, Event, Reply, SessionId,
    command::{SessionList, SessionRef},
    event::Gap,
};

use super::ask::unexpected;
use crate::{client::Client, context::Context, exit::Failed, render};

/// The titles of sessions, as far as they are known.
pub struct Names(HashMap<SessionId, String>);

impl Names {
    /// Asks for the first page of sessions.
    pub async fn load(client: &Client) -> Result<Self, Failed> {
        let list = SessionList { include_closed: true, limit: Some(500), ..SessionList::default() };
        match client.call(&Command::SessionList(list)).await? {
            Reply::Sessions(page) => {
                Ok(Self(page.sessions.into_iter().map(|session| (session.id, session.title)).collect()))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Looks a session up that is new, or out of the first page.
    async fn learn(&mut self, client: &Client, id: SessionId) -> Result<(), Failed> {
        if self.0.contains_key(&id) {
            return Ok(());
        }
        let get = Command::SessionGet(SessionRef { session: Address::Session(id) });
        let title = match client.call(&get).await {
            Ok(Reply::Session(view)) => view.title,
            Ok(_) | Err(Failed::Refused(_)) => id.to_string(),
            Err(failed) => return Err(failed),
        };
        self.0.insert(id, title);
        Ok(())
    }

    /// Prints an event as a line, with titles.
    pub async fn print(&mut self, context: &Context, client: &Client, event: &Event) -> Result<(), Failed> {
        self.learn(client, event.session).await?;
        context.out.text(&render::event(event, &|id| self.of(id), &context.out.style))
    }

    /// Says that something was removed.
    pub async fn gap(&mut self, context: &Context, client: &Client, gap: &Gap) -> Result<(), Failed> {
        self.learn(client, gap.session).await?;
        let title = render::line(&self.of(gap.session));
        context.out.note(&format!("events of `{title}` before its number {} were purged", gap.first_seq));
        Ok(())
    }

    fn of(&self, id: SessionId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}
