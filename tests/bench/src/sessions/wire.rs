//! Commands over one link, so many under way at once.

use anyhow::{Context, Result, bail};
use futures_util::SinkExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::link::{self, Socket, Target};

/// A link that commands are given over.
pub struct Wire {
    socket: Socket,
    sent: u64,
    answered: u64,
}

impl Wire {
    /// Opens one.
    pub async fn open(target: &Target) -> Result<Self> {
        Ok(Self { socket: link::attach(target, None, "observer").await?, sent: 0, answered: 0 })
    }

    /// Sends a command without waiting for its answer.
    pub async fn send(&mut self, command: &str) -> Result<()> {
        self.sent += 1;
        let frame = format!(r#"{{"command":{{"corr":{},"command":{command}}}}}"#, self.sent);
        Ok(self.socket.send(Message::text(frame)).await?)
    }

    /// How many commands are not answered yet.
    pub fn under_way(&self) -> u64 {
        self.sent - self.answered
    }

    /// Waits for the next answer that is none of what a link gets besides.
    pub async fn answer(&mut self) -> Result<Value> {
        loop {
            let text = link::next_text(&mut self.socket).await?;
            if !text.starts_with(r#"{"outcome""#) {
                continue;
            }
            self.answered += 1;
            let frame: Value = serde_json::from_str(&text)?;
            return match frame.pointer("/outcome/outcome/ok") {
                Some(reply) => Ok(reply.clone()),
                None => bail!("wanted a reply, found {text}"),
            };
        }
    }

    /// Gives a command and waits for its answer.
    pub async fn call(&mut self, command: &str) -> Result<Value> {
        self.send(command).await?;
        self.answer().await.with_context(|| format!("the command {}", command.get(..80).unwrap_or(command)))
    }
}
