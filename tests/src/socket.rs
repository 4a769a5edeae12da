//! A WebSocket client that sees every frame and every close code.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::{
    http::{Place, Stream},
    wait::LIMIT,
};

/// What came over a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A text frame, read as JSON.
    Json(Value),
    /// The close frame, or the end of the connection without one.
    Closed(Option<u16>),
}

/// A connected socket.
pub struct Socket(WebSocketStream<Box<dyn Stream>>);

impl Socket {
    /// Connects with these headers. An answer that is no upgrade comes back as its status.
    pub async fn open(place: &Place, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", place.host()).into_client_request().expect("a well-formed URL");
        for (name, value) in headers {
            let name: tungstenite::http::HeaderName = name.parse().expect("a header's name");
            request.headers_mut().insert(name, value.parse().expect("a header's value"));
        }
        let stream = place.connect().await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
        match timeout(LIMIT, client_async(request, stream)).await.expect("an answer to the upgrade") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{place:?}{path}: {error}"),
        }
    }

    /// Connects with a token.
    pub async fn with_token(place: &Place, path: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let opened = Self::open(place, path, &[("Authorization", &bearer)]).await;
        opened.unwrap_or_else(|status| panic!("{path} answers {status}"))
    }

    /// Connects as a peer, says hello with these fields besides `protocol`, and returns the welcome too.
    pub async fn attach(place: &Place, token: &str, mut hello: Value) -> (Self, Value) {
        let mut socket = Self::with_token(place, "/ws", token).await;
        hello["protocol"] = json!(1);
        socket.send(&json!({ "hello": hello })).await;
        let welcome = socket.json().await["welcome"].clone();
        assert!(welcome.is_object(), "a welcome");
        (socket, welcome)
    }

    /// Sends a text frame.
    pub async fn send(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("the socket takes a frame");
    }

    /// Sends a text frame that need not be JSON. The other end may close while it is sent.
    pub async fn send_text(&mut self, text: &str) {
        let _closed = self.0.send(Message::text(text)).await;
    }

    /// Sends a binary frame. The other end may close while it is sent.
    pub async fn send_binary(&mut self, data: &[u8]) {
        let _closed = self.0.send(Message::binary(data.to_vec())).await;
    }

    /// Waits for the next frame; pings are answered on the way.
    pub async fn frame(&mut self) -> Frame {
        match self.frame_within(LIMIT).await {
            Some(frame) => frame,
            None => panic!("no frame within {LIMIT:?}"),
        }
    }

    /// Waits so long for the next frame.
    pub async fn frame_within(&mut self, limit: Duration) -> Option<Frame> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Frame::Json(serde_json::from_str(&text).expect("a frame is JSON"));
                    }
                    Some(Ok(Message::Close(close))) => return Frame::Closed(close.map(|close| close.code.into())),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Frame::Closed(None),
                }
            }
        };
        timeout(limit, next).await.ok()
    }

    /// Waits for the next frame, which has to be JSON.
    pub async fn json(&mut self) -> Value {
        match self.frame().await {
            Frame::Json(value) => value,
            Frame::Closed(code) => panic!("the socket was closed with {code:?}"),
        }
    }

    /// Waits for the close, whatever comes before, and returns its code.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Frame::Closed(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Sends a command and waits for its outcome; other frames on the way are dropped.
    pub async fn command(&mut self, corr: u64, command: &Value) -> Value {
        self.send(&json!({"command": {"corr": corr, "command": command}})).await;
        loop {
            let frame = self.json().await;
            if frame["outcome"]["corr"] == corr {
                return frame["outcome"]["outcome"].clone();
            }
        }
    }
}
