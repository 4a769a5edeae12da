//! The daemon's HTTP interface, as far as the program needs it.

mod patience;
mod stream;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tieline_model::{Code, Command, Failure, Outcome, Reply, outcome::OutcomeJson};

pub use patience::Patience;
pub use stream::{EventStream, Item, percent};

use crate::{credential::Secret, endpoint::Endpoint, exit::Failed};

const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A client of one daemon, speaking for one principal.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
    secret: Option<Secret>,
    /// How long it waits for an answer.
    limit: Duration,
}

/// A body that comes in pieces.
pub struct Body {
    client: Client,
    incoming: Incoming,
}

impl Body {
    /// Waits for the next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failed> {
        while let Some(frame) = self.incoming.frame().await {
            let frame = frame.map_err(|error| self.client.failed(broken(error)))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// Why one attempt had no answer.
enum Lost {
    /// Nobody listens.
    Refused(std::io::Error),
    /// The connection ended in the middle.
    Broken(String),
    /// It took too long.
    Late,
    /// The answer is not one of ours.
    Strange(String),
}

/// The body and status of an answer.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// Returns a client that speaks with `secret`, or with none.
    pub fn new(endpoint: Endpoint, secret: Option<Secret>) -> Self {
        Self { endpoint, secret, limit: ANSWER_LIMIT }
    }

    /// Returns one that waits for answers as long as this.
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Returns where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the value of its `Authorization` header.
    pub fn bearer(&self) -> Option<String> {
        self.secret.as_ref().map(Secret::bearer)
    }

    /// Carries out a command and returns its reply.
    pub async fn call(&self, command: &Command) -> Result<Reply, Failed> {
        reply(self.command(command).await?)
    }

    /// Carries out a command once for ever: whoever gives the same key again gets the same reply.
    pub async fn call_once(&self, key: &str, command: &Command) -> Result<Reply, Failed> {
        reply(self.keyed(command, key).await?)
    }

    /// Carries out a command at the first attempt, or not at all: for whoever cannot wait.
    pub async fn call_now(&self, command: &Command) -> Result<Reply, Failed> {
        let body = Bytes::from(serde_json::to_vec(command)?);
        reply(self.post(body, &random_hex()?).await.map_err(|lost| self.failed(lost))?)
    }

    /// Carries out a command once, however often it has to be sent: every attempt has the same idempotency key.
    pub async fn command(&self, command: &Command) -> Result<OutcomeJson, Failed> {
        self.keyed(command, &random_hex()?).await
    }

    async fn keyed(&self, command: &Command, key: &str) -> Result<OutcomeJson, Failed> {
        let body = Bytes::from(serde_json::to_vec(command)?);
        let mut patience = Patience::default();
        loop {
            let (wait, failed) = match self.post(body.clone(), key).await {
                Ok(OutcomeJson::Refusal(refusal)) if matches!(refusal.code, Code::Busy | Code::Draining) => {
                    (patience.wait(refusal.retry_after_ms), Ok(OutcomeJson::Refusal(refusal)))
                }
                Ok(outcome) => return Ok(outcome),
                // Whoever never answered is not there; whoever did may be about to start again.
                Err(lost @ Lost::Refused(_)) if !patience.is_used() => return Err(self.failed(lost)),
                Err(lost @ (Lost::Refused(_) | Lost::Broken(_))) => (patience.wait(None), Err(self.failed(lost))),
                Err(lost) => return Err(self.failed(lost)),
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return failed,
            }
        }
    }

    /// Gets a resource, once.
    pub async fn get(&self, path: &str) -> Result<Answer, Failed> {
        let request = self.request(Method::GET, path, Bytes::new()).map_err(|lost| self.failed(lost))?;
        self.answer(request).await.map_err(|lost| self.failed(lost))
    }

    /// Gets a resource that may be large, piece by piece.
    pub async fn read(&self, path: &str) -> Result<Body, Failed> {
        let request = self.request(Method::GET, path, Bytes::new()).map_err(|lost| self.failed(lost))?;
        let response = self.send(request).await.map_err(|lost| self.failed(lost))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Body { client: self.clone(), incoming: response.into_body() });
        }
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Err(match serde_json::from_slice(&body) {
            Ok(OutcomeJson::Refusal(refusal)) => Failed::Refused(refusal),
            Ok(OutcomeJson::Fault(fault)) => Failed::Fault(fault),
            _ => self.failed(Lost::Strange(format!("status {} for {path}", status.as_u16()))),
        })
    }

    /// Opens the stream of what happens, in these sessions or in all in reach.
    pub async fn events(&self, sessions: &[String], after: Option<u64>) -> Result<EventStream, Failed> {
        EventStream::open(self.clone(), sessions, after).await
    }

    async fn post(&self, body: Bytes, key: &str) -> Result<OutcomeJson, Lost> {
        let mut request = self.request(Method::POST, "/v1/commands", body)?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        headers.insert("idempotency-key", key.parse().map_err(|_| Lost::Strange("a key is no header".into()))?);
        let answer = self.answer(request).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            Lost::Strange(format!("status {} with a body that is no outcome: {error}", answer.status.as_u16()))
        })
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Lost> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, self.endpoint.host());
        if let Some(bearer) = self.bearer() {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        // Only a token with characters that no header can hold gets here.
        request.body(Full::new(body)).map_err(|_| Lost::Strange("the token has characters that no header takes".into()))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, Lost> {
        let asking = async {
            let response = self.send(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(self.limit, asking).await.map_err(|_| Lost::Late)?
    }

    /// Sends a request over a connection of its own and returns the head of the answer.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Lost> {
        let stream = self.endpoint.connect().await.map_err(Lost::Refused)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken)
    }

    fn failed(&self, lost: Lost) -> Failed {
        let place = self.endpoint.to_string();
        match lost {
            Lost::Refused(error) => Failed::Unreachable { place, why: reason(&error) },
            Lost::Broken(why) => Failed::Unreachable { place, why: format!("the connection ended: {why}") },
            Lost::Late => Failed::Unreachable { place, why: format!("no answer in {} s", self.limit.as_secs()) },
            Lost::Strange(what) => Failed::Stranger { place, what },
        }
    }
}

/// Returns 16 random bytes of the operating system in hex.
pub fn random_hex() -> Result<String, Failed> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the operating system gave no random bytes: {error}"))?;
    Ok(hex::encode(bytes))
}

fn broken(error: hyper::Error) -> Lost {
    Lost::Broken(error.to_string())
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such socket".into(),
        std::io::ErrorKind::ConnectionRefused => "nobody listens there".into(),
        std::io::ErrorKind::PermissionDenied => "it belongs to another user".into(),
        _ => error.to_string(),
    }
}

fn reply(outcome: OutcomeJson) -> Result<Reply, Failed> {
    match Outcome::from(outcome) {
        Ok(reply) => Ok(reply),
        Err(Failure::Refusal(refusal)) => Err(Failed::Refused(refusal)),
        Err(Failure::Fault(fault)) => Err(Failed::Fault(fault)),
    }
}

#[cfg(test)]
mod tests;
