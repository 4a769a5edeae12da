//! One connection of a client, as `docs/protocol/websocket.md` has it: JSON in text frames, one object each.

use std::{net::SocketAddr, time::Duration};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use tieline_model::{
    Command, Failure, Outcome,
    frame::{DeliveryFrame, SkipFrame},
    outcome::OutcomeJson,
    reply::Attached,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message as Text, client::IntoClientRequest},
};

/// How long a connection may take to be there.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// What the daemon says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// The hello was accepted.
    Welcome(Box<Attached>),
    /// What came of a command.
    Outcome {
        /// Of which.
        corr: u64,
        /// What.
        outcome: Box<OutcomeJson>,
    },
    /// A message.
    Deliver(Box<DeliveryFrame>),
    /// A number that will not come.
    Skip(SkipFrame),
    /// A hint.
    Progress(IgnoredAny),
    /// Something was refused.
    Error(Value),
    /// The daemon closes.
    Bye(Value),
}

/// Why a connection is no more.
#[derive(Debug)]
pub enum Lost {
    /// It broke, or was closed: the daemon may be dead.
    Broken(String),
    /// The hello was refused.
    Refused(Value),
}

/// An open connection.
pub struct Wire(WebSocketStream<TcpStream>);

impl Wire {
    /// Connects and says hello with these further fields.
    pub async fn open(address: SocketAddr, token: &str, hello: Value) -> Result<(Self, Attached), Lost> {
        match tokio::time::timeout(OPEN_LIMIT, Self::attach(address, token, hello)).await {
            Ok(opened) => opened,
            Err(_) => Err(Lost::Broken(format!("no welcome within {OPEN_LIMIT:?}"))),
        }
    }

    async fn attach(address: SocketAddr, token: &str, hello: Value) -> Result<(Self, Attached), Lost> {
        let stream = TcpStream::connect(address).await.map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        let mut request = format!("ws://{address}/ws").into_client_request().expect("a URL of ours");
        let bearer = format!("Bearer {token}").parse().expect("a token is plain text");
        request.headers_mut().insert("authorization", bearer);
        let (socket, _) = client_async(request, stream).await.map_err(broken)?;
        let mut wire = Self(socket);
        wire.queue(&serde_json::json!({ "hello": hello })).await?;
        wire.flush().await?;
        match wire.next().await? {
            Frame::Welcome(attached) => Ok((wire, *attached)),
            Frame::Error(refusal) => Err(Lost::Refused(refusal)),
            other => Err(Lost::Broken(format!("instead of a welcome: {other:?}"))),
        }
    }

    /// Puts a frame in line.
    pub async fn queue(&mut self, frame: &Value) -> Result<(), Lost> {
        self.0.feed(Text::text(frame.to_string())).await.map_err(broken)
    }

    /// Sends what is in line.
    pub async fn flush(&mut self) -> Result<(), Lost> {
        self.0.flush().await.map_err(broken)
    }

    /// Waits for the next frame. May be given up at any time without losing one.
    pub async fn next(&mut self) -> Result<Frame, Lost> {
        loop {
            match self.0.next().await {
                Some(Ok(Text::Text(text))) => {
                    return Ok(serde_json::from_str(&text)
                        .unwrap_or_else(|error| panic!("the daemon said what its protocol has not: {error}: {text}")));
                }
                Some(Ok(Text::Close(_))) | None => return Err(Lost::Broken("closed".to_owned())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
            }
        }
    }

    /// Returns the next frame if it is there already.
    pub fn next_if_there(&mut self) -> Option<Result<Frame, Lost>> {
        self.next().now_or_never()
    }

    /// Carries out one command and waits for its outcome.
    pub async fn ask(&mut self, key: Option<&str>, command: &Command) -> Result<Outcome, Lost> {
        let frame = match key {
            Some(key) => serde_json::json!({ "command": { "corr": 1, "key": key, "command": command } }),
            None => serde_json::json!({ "command": { "corr": 1, "command": command } }),
        };
        self.queue(&frame).await?;
        self.flush().await?;
        loop {
            if let Frame::Outcome { outcome, .. } = self.next().await? {
                return Ok((*outcome).into());
            }
        }
    }
}

/// Tells whether the same command may be carried out when it is sent again.
pub fn may_be_tried_again(failure: &Failure) -> bool {
    use tieline_model::Code;
    match failure {
        Failure::Fault(_) => true,
        Failure::Refusal(refusal) => {
            matches!(refusal.code, Code::Busy | Code::Draining | Code::RateLimited | Code::StorageFull)
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Lost {
    Lost::Broken(error.to_string())
}
