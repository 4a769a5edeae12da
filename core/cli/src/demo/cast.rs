//! Who plays: short-lived tokens in a circle of their own, taken back at the end.

use tieline_model::{
    Address, Command, PrincipalKind, Reply, SessionId, TokenId,
    command::{SessionRef, TokenCreate, TokenRevoke},
};

use super::peer::{Ledger, Peer};
use crate::{
    client::{Client, random_hex},
    credential::Secret,
    exit::Failed,
};

/// What is left behind by a crash ends by itself after this long.
const LIFE_MS: u64 = 600_000;

/// One player.
#[derive(Clone)]
pub struct Player {
    /// Its name and the title of its session.
    pub name: String,
    /// Its home session.
    pub session: SessionId,
    secret: Secret,
}

/// All that was made.
#[derive(Default)]
pub struct Cast {
    made: Vec<(TokenId, SessionId)>,
    circle: Option<String>,
}

impl Cast {
    /// Makes a token for a player, in the circle of this demo.
    pub async fn hire(&mut self, client: &Client, name: &str) -> Result<Player, Failed> {
        let circle = match &self.circle {
            Some(circle) => circle.clone(),
            None => self.circle.insert(format!("demo-{}", &random_hex()?[..8])).clone(),
        };
        let command = Command::TokenCreate(TokenCreate {
            name: name.to_owned(),
            kind: PrincipalKind::Agent,
            scopes: None,
            circles: Some(vec![circle]),
            expires_in_ms: Some(LIFE_MS),
        });
        match client.call(&command).await? {
            Reply::TokenCreated(created) => {
                let session = created.principal.home;
                self.made.push((created.token, session));
                Ok(Player { name: name.to_owned(), session, secret: Secret::new(&created.secret) })
            }
            _ => Err(Failed::No("the daemon gave a reply of another command".into())),
        }
    }

    /// Revokes the tokens and closes the sessions. Goes on past what fails, and then says what did.
    pub async fn leave(&self, client: &Client) -> Result<(usize, usize), Failed> {
        let mut failed = None;
        let (mut sessions, mut tokens) = (0, 0);
        for (token, session) in &self.made {
            // A home can only be closed once nobody can speak from it any more.
            match client.call(&Command::TokenRevoke(TokenRevoke { token: *token })).await {
                Ok(_) => tokens += 1,
                Err(error) => failed = Some(error),
            }
            let close = Command::SessionClose(SessionRef { session: Address::Session(*session) });
            match client.call(&close).await {
                Ok(_) => sessions += 1,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok((sessions, tokens)), Err)
    }
}

impl Player {
    /// Attaches it.
    pub async fn enter(&self, client: &Client, ledger: Ledger) -> Result<Peer, Failed> {
        Peer::attach(client.endpoint(), &self.secret, &self.name, ledger).await
    }
}
