//! A small HTTP client that says exactly what it is told to, over TCP or a Unix socket.

use std::{io, net::SocketAddr, path::PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::{daemon::Daemon, wait::LIMIT};

/// Where a daemon is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Over loopback TCP.
    Tcp(SocketAddr),
    /// Over the Unix socket.
    Unix(PathBuf),
}

/// A byte stream to a daemon.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Place {
    /// Opens a connection.
    pub async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// What an honest client sends as `Host`.
    pub fn host(&self) -> String {
        match self {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl Daemon {
    /// Its TCP address.
    pub fn tcp(&self) -> Place {
        Place::Tcp(self.address)
    }

    /// Its Unix socket.
    pub fn unix(&self) -> Place {
        Place::Unix(self.home.socket())
    }

    /// Both.
    pub fn places(&self) -> [Place; 2] {
        [self.tcp(), self.unix()]
    }
}

/// A request, with a `Host` unless one is set.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Request {
    /// Any request.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON text.
    pub fn post(path: &str, json: impl Into<Bytes>) -> Self {
        Self::new("POST", path).header("Content-Type", "application/json").body(json)
    }

    /// A command, posted.
    pub fn command(command: &Value) -> Self {
        Self::post("/v1/commands", command.to_string())
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns its method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns its path, with the query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Sends it and reads no more than the head of the answer.
    pub async fn head(&self, place: &Place) -> (u16, hyper::HeaderMap) {
        let response = Connection::open(place).await.response(self).await;
        (response.status().as_u16(), response.headers().clone())
    }

    /// Sends it over a connection of its own.
    pub async fn send(&self, place: &Place) -> Answer {
        Connection::open(place).await.send(self).await
    }

    /// Sends it over a connection of its own to a daemon that may die meanwhile.
    pub async fn try_send(&self, place: &Place) -> io::Result<Answer> {
        let (mut sender, connection) =
            handshake(TokioIo::new(place.connect().await?)).await.map_err(io::Error::other)?;
        tokio::spawn(async move { drop(connection.await) });
        let sent = timeout(LIMIT, sender.send_request(self.build(&place.host()))).await?;
        let response = sent.map_err(io::Error::other)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = timeout(LIMIT, response.into_body().collect()).await?.map_err(io::Error::other)?;
        Ok(Answer { status, headers, body: body.to_bytes() })
    }

    /// Sends it and reads the answer as server-sent events, as they come.
    pub async fn events(&self, place: &Place) -> EventStream {
        let mut connection = Connection::open(place).await;
        let response = connection.response(self).await;
        assert_eq!(response.status(), 200, "{} {}", self.method, self.path);
        EventStream { body: response.into_body(), read: String::new(), _connection: connection }
    }

    fn build(&self, host: &str) -> hyper::Request<Full<Bytes>> {
        let mut request = hyper::Request::builder().method(self.method.as_str()).uri(self.path.as_str());
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("Host", host);
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        request.body(Full::new(self.body.clone())).expect("a well-formed request")
    }
}

/// A connection that is kept.
pub struct Connection {
    host: String,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens one.
    pub async fn open(place: &Place) -> Self {
        let stream = place.connect().await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("an HTTP connection");
        // An error of it is the error of its request.
        tokio::spawn(async move { drop(connection.await) });
        Self { host: place.host(), sender }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: &Request) -> Answer {
        let response = self.response(request).await;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = timeout(LIMIT, response.into_body().collect()).await;
        let body = body.unwrap_or_else(|_| panic!("the answer to {} {} has no end", request.method, request.path));
        Answer { status, headers, body: body.expect("a whole body").to_bytes() }
    }

    async fn response(&mut self, request: &Request) -> hyper::Response<Incoming> {
        let Request { method, path, .. } = request;
        let sent = timeout(LIMIT, self.sender.send_request(request.build(&self.host))).await;
        let answered = sent.unwrap_or_else(|_| panic!("no answer to {method} {path} within {LIMIT:?}"));
        answered.unwrap_or_else(|error| panic!("no answer to {method} {path}: {error}"))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: hyper::HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// Returns its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns its body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// One server-sent event.
#[derive(Debug, Clone)]
pub struct ServerSent {
    /// Its `id`: the cursor; 0 without one.
    pub id: i64,
    /// Its `event`: the kind.
    pub event: String,
    /// Its `data`.
    pub data: Value,
}

/// Server-sent events, as they come.
pub struct EventStream {
    body: Incoming,
    read: String,
    _connection: Connection,
}

impl EventStream {
    /// Waits for the next event; `None` when the stream has ended, in whatever way.
    pub async fn next(&mut self) -> Option<ServerSent> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let block: String = self.read.drain(..end + 2).collect();
                match parse(&block) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let frame = timeout(LIMIT, self.body.frame()).await.expect("an event, or a sign of life")?;
            let data = frame.ok()?.into_data().ok()?;
            self.read.push_str(std::str::from_utf8(&data).expect("events come in whole lines of text"));
        }
    }
}

/// Reads one block of lines; a comment is no event.
fn parse(block: &str) -> Option<ServerSent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(ServerSent {
        id: field("id").map_or(0, |id| id.parse().expect("a cursor is a number")),
        event: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).expect("the data is JSON"),
    })
}
