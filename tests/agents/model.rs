//! A model that does as it is told: each answer follows from the conversation in the request, and nothing else.
//!
//! The newest text that holds `DO[…]`, a JSON list of steps, is played one step for each call: `{"say": "…"}` ends the turn
//! (with `"after_ms"` not at once), `{"run": "…"}` calls the shell, `{"tool": "…", "with": {…}}` calls the tool whose name ends so. Without steps it repeats
//! what it was told, so that a test can see what came before it.

#[path = "model/conversation.rs"]
mod conversation;
#[path = "model/wire.rs"]
mod wire;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use conversation::{Conversation, Next};
use wire::Dialect;

/// What came before the model, newest last: one text for each request.
type Heard = Arc<Mutex<Vec<String>>>;

/// The model. It ends with its test.
#[derive(Debug, Clone)]
pub struct Model {
    address: SocketAddr,
    heard: Heard,
}

impl Model {
    /// Starts it on a free port of loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heard = Heard::default();
        let ours = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heard = Arc::clone(&ours);
                let service = service_fn(move |request| answer(request, Arc::clone(&heard)));
                // A program that hangs up is nobody's business.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, heard }
    }

    /// Returns its address, as in `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tells in how many requests these words came before it.
    pub fn heard(&self, words: &str) -> usize {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|text| text.contains(words)).count()
    }
}

async fn answer(request: Request<Incoming>, heard: Heard) -> Result<Response<Full<Bytes>>, Infallible> {
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(dialect) = Dialect::of(&path).filter(|_| method == Method::POST) else {
        return Ok(reply("application/json", side_call(&path).to_string()));
    };
    let conversation = Conversation::read(dialect, &body);
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(conversation.words());
    let next = conversation.next();
    if let Next::Say { after_ms: Some(ms), .. } = &next {
        // The script wants a turn that lasts.
        tokio::time::sleep(Duration::from_millis(*ms)).await;
    }
    let (kind, text) = dialect.write(&path, &body, &next);
    Ok(reply(kind, text))
}

/// What programs ask besides: how long a text is, and which models there are.
fn side_call(path: &str) -> Value {
    match path {
        path if path.ends_with("/count_tokens") => json!({"input_tokens": 100}),
        path if path.ends_with(":countTokens") => json!({"totalTokens": 100}),
        _ => {
            json!({"object": "list", "has_more": false, "data": [{"id": "scripted", "object": "model", "type": "model"}]})
        }
    }
}

fn reply(kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
