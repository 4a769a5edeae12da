//! What happened: what was sent, answered, seen and stored, by everybody.

use tieline_model::{
    Command, DeliveryState, Lane, Message, Reply, SessionId,
    command::{Ack, Ask, Broadcast, Notify},
};

/// A command of a node's outbox.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its idempotency key.
    pub key: String,
    /// Its place in the order in which its sender issued.
    pub number: u64,
    /// The command.
    pub command: Command,
    /// How often it was sent.
    pub times: u32,
}

impl Sent {
    /// Returns the words that its receivers have to see.
    pub fn text(&self) -> Option<&str> {
        match &self.command {
            Command::Notify(Notify { text, .. })
            | Command::Ask(Ask { text, .. })
            | Command::Broadcast(Broadcast { text, .. })
            | Command::Ack(Ack { text: Some(text), .. }) => Some(text),
            _ => None,
        }
    }
}

/// An answer that reached a node.
#[derive(Debug, Clone)]
pub struct Answer {
    /// To the command of which key.
    pub key: String,
    /// What it says.
    pub reply: Reply,
}

/// A message in a ledger.
#[derive(Debug, Clone)]
pub struct Visible {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// The message.
    pub message: Message,
}

/// A message in the daemon's store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// In which lane.
    pub lane: Lane,
    /// Its number there.
    pub seq: u64,
    /// How far the daemon knows it has come.
    pub state: DeliveryState,
    /// The message.
    pub message: Message,
}

/// One node's part of the history.
#[derive(Debug, Clone)]
pub struct Party {
    /// Its title.
    pub title: String,
    /// Its session.
    pub session: SessionId,
    /// What it sent.
    pub sent: Vec<Sent>,
    /// What it was answered, in the order of arrival.
    pub answers: Vec<Answer>,
    /// What it saw, in order.
    pub visible: Vec<Visible>,
    /// What the daemon has for it, lane by lane in order.
    pub stored: Vec<Stored>,
}
