//! One scripted peer: a client written to the protocol page, with its ledger in memory.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tieline_model::{
    Command, Failure, Message, Outcome, Reply, command::ReceiptState, frame::DeliveryFrame, message::PerLane,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest, http::header},
};

use super::wire::{FromDaemon, ToDaemon, read};
use crate::{
    client::random_hex,
    credential::Secret,
    endpoint::{Endpoint, Stream},
    exit::Failed,
};

/// How long a peer waits for anything.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a peer keeps between two connections.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    cursors: PerLane<u64>,
    log_id: Option<String>,
}

/// An attached peer.
pub struct Peer {
    name: String,
    socket: WebSocketStream<Box<dyn Stream>>,
    ledger: Ledger,
    arrived: VecDeque<DeliveryFrame>,
    corr: u64,
}

impl Peer {
    /// Connects and attaches to the home session of the token.
    pub async fn attach(endpoint: &Endpoint, secret: &Secret, name: &str, ledger: Ledger) -> Result<Self, Failed> {
        let place = endpoint.to_string();
        let stream = endpoint
            .connect()
            .await
            .map_err(|error| Failed::Unreachable { place: place.clone(), why: error.to_string() })?;
        let strange = |error: tungstenite::Error| match error {
            tungstenite::Error::Http(response) if response.status().as_u16() == 404 => Failed::No(
                "the peers need the WebSocket transport, and it is not running: see `tieline plugins`".into(),
            ),
            other => Failed::Stranger { place: format!("{place}, path /ws"), what: other.to_string() },
        };
        let mut request = format!("ws://{}/ws", endpoint.host()).into_client_request().map_err(strange)?;
        let bearer = secret.bearer().parse().map_err(|_| Failed::NoToken("the token is no header".into()))?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let (socket, _) = client_async(request, stream).await.map_err(strange)?;
        let name = name.to_owned();
        let mut peer = Self { name, socket, ledger, arrived: VecDeque::new(), corr: 0 };
        peer.hello().await?;
        Ok(peer)
    }

    async fn hello(&mut self) -> Result<(), Failed> {
        let cursors = self.ledger.log_id.is_some().then_some(self.ledger.cursors);
        self.send(&ToDaemon::Hello { protocol: 1, cursors, log_id: self.ledger.log_id.clone() }).await?;
        loop {
            if let FromDaemon::Welcome(attached) = self.next().await? {
                self.ledger.log_id = Some(attached.log_id);
                self.ledger.cursors = attached.cursors;
                return Ok(());
            }
        }
    }

    /// Carries out a command and returns its reply.
    pub async fn call(&mut self, command: Command) -> Result<Reply, Failed> {
        self.corr += 1;
        let corr = self.corr;
        self.send(&ToDaemon::Command { corr, key: random_hex()?, command: Box::new(command) }).await?;
        loop {
            match self.next().await? {
                FromDaemon::Outcome { corr: of, outcome } if of == corr => {
                    return Outcome::from(*outcome).map_err(|failure| match failure {
                        Failure::Refusal(refusal) => Failed::Refused(refusal),
                        Failure::Fault(fault) => Failed::Fault(fault),
                    });
                }
                FromDaemon::Deliver(frame) => self.arrived.push_back(*frame),
                _ => {}
            }
        }
    }

    /// Takes the next message: moves the cursor first, gives the receipts then.
    pub async fn take(&mut self) -> Result<Message, Failed> {
        loop {
            let frame = match self.arrived.pop_front() {
                Some(frame) => frame,
                None => match self.next().await? {
                    FromDaemon::Deliver(frame) => *frame,
                    _ => continue,
                },
            };
            let DeliveryFrame { lane, seq, message, .. } = frame;
            let is_new = seq > self.ledger.cursors[lane];
            if seq > self.ledger.cursors[lane] + 1 {
                return Err(self.wrong(&format!("got number {seq} after {}", self.ledger.cursors[lane])));
            }
            self.ledger.cursors[lane] = self.ledger.cursors[lane].max(seq);
            for state in [ReceiptState::Delivered, ReceiptState::Seen] {
                self.send(&ToDaemon::Receipt { lane, through: seq, state }).await?;
            }
            if is_new {
                return Ok(message);
            }
        }
    }

    /// Says goodbye and returns what it has to keep.
    pub async fn leave(mut self) -> Result<Ledger, Failed> {
        self.send(&ToDaemon::Bye {}).await?;
        while !matches!(self.next().await?, FromDaemon::Bye { .. }) {}
        Ok(self.ledger)
    }

    async fn send(&mut self, frame: &ToDaemon) -> Result<(), Failed> {
        let text = serde_json::to_string(frame)?;
        let sent = self.socket.send(tungstenite::Message::text(text)).await;
        sent.map_err(|error| self.wrong(&error.to_string()))
    }

    async fn next(&mut self) -> Result<FromDaemon, Failed> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let text = match frame {
                Err(_) => return Err(self.wrong(&format!("heard nothing for {} s", PATIENCE.as_secs()))),
                Ok(None) => return Err(self.wrong("the connection ended")),
                Ok(Some(Err(error))) => return Err(self.wrong(&error.to_string())),
                Ok(Some(Ok(tungstenite::Message::Text(text)))) => text,
                Ok(Some(Ok(_))) => continue,
            };
            match read(text.as_str()) {
                Some(FromDaemon::Error { code, message }) => return Err(self.wrong(&format!("{code}: {message}"))),
                Some(FromDaemon::Bye { code, reason }) if code != 1000 => {
                    return Err(self.wrong(&format!("the daemon said goodbye with {code}: {reason}")));
                }
                Some(FromDaemon::Skip(skip)) => {
                    self.ledger.cursors[skip.lane] = self.ledger.cursors[skip.lane].max(skip.seq);
                }
                Some(frame) => return Ok(frame),
                None => {}
            }
        }
    }

    fn wrong(&self, what: &str) -> Failed {
        Failed::No(format!("`{}`: {what}", self.name))
    }
}
