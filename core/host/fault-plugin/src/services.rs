//! Uses the services of the host as a webhook request says, and answers with what came of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tieline_plugin_sdk::prelude::*;

/// The host's services, and the requests that are not answered yet.
pub struct Services {
    host: Host,
    waiting: Mutex<Vec<(TimerId, WebhookReply)>>,
    kept: Mutex<Vec<WebhookReply>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything about a request.
pub fn shown(request: &WebhookRequest<'_>) -> Value {
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "principal": request.principal,
        "body": String::from_utf8_lossy(request.body),
    })
}

impl Services {
    /// Uses those of this host.
    pub fn new(host: Host) -> Self {
        Services { host, waiting: Mutex::default(), kept: Mutex::default() }
    }

    /// Answers from a thread of its own: the services may wait for the disk.
    pub fn answer(&self, what: String, wish: Value, reply: WebhookReply) {
        let host = self.host;
        std::thread::spawn(move || {
            let _answered = match what.as_str() {
                "nonsense" => reply.text(99, "nonsense"),
                "status" => {
                    reply.text(u16::try_from(wish["status"].as_u64().unwrap_or(200)).unwrap_or(200), "as asked")
                }
                _ => reply.json(200, &done(host, &what, &wish)),
            };
        });
    }

    /// Keeps a request that is never answered.
    pub fn keep(&self, reply: WebhookReply) {
        lock(&self.kept).push(reply);
    }

    /// Answers when a timer runs out.
    pub fn answer_later(&self, wish: &Value, reply: WebhookReply) {
        let id = TimerId(wish["id"].as_u64().unwrap_or(1));
        let ms = wish["ms"].as_u64().unwrap_or(1);
        lock(&self.waiting).push((id, reply));
        if let Err(error) = self.host.timer(id, Duration::from_millis(ms)) {
            tracing::warn!(%error, "a timer was not set");
        }
    }

    /// A timer has run out.
    pub fn timer(&self, timer: TimerId) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let (done, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(id, _)| *id == timer);
        lock(&self.waiting).extend(rest);
        for (_, reply) in done {
            let _answered = reply.json(200, &json!({ "timer": timer.0 }));
        }
    }
}

fn done(host: Host, what: &str, wish: &Value) -> Value {
    let text = |key: &str| wish[key].as_str().unwrap_or_default();
    let bytes = |value: Option<Vec<u8>>| value.map(|value| String::from_utf8_lossy(&value).into_owned());
    let value = || text("value").repeat(usize::try_from(wish["times"].as_u64().unwrap_or(1)).unwrap_or(1));
    let number = wish["value"].as_f64().unwrap_or_default();
    let labels = [("room", wish["room"].as_str().unwrap_or("none"))];
    let result = match what {
        "kv-get" => host.kv_get(text("key")).map(|value| json!(bytes(value))),
        "kv-put" => host.kv_put(text("key"), value().as_bytes()).map(|()| json!("stored")),
        "kv-delete" => host.kv_delete(text("key")).map(|was_there| json!(was_there)),
        "kv-keys" => host.kv_keys(text("key")).map(|keys| json!(keys)),
        "secret" => host.secret(text("key")).map(|secret| json!(secret.map(|secret| secret.expose().to_owned()))),
        "counter" => host.counter_add(text("key"), number, &labels).map(|()| json!("added")),
        "gauge" => host.gauge_set(text("key"), number, &labels).map(|()| json!("set")),
        "principal" => host.principal(wish["link"].as_u64().unwrap_or_default()).map(|who| json!(who)),
        _ => Ok(json!("nothing")),
    };
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}
