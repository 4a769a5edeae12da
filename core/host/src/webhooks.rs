//! The webhook requests of one instance that wait for an answer.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tieline_plugin_sdk::limits;

use crate::{Denied, lock};

/// An HTTP request on a path that a plugin has mounted.
#[derive(Clone)]
pub struct Webhook {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path.
    pub path: String,
    /// What stands after the `?`.
    pub query: String,
    /// JSON array of `[name, value]`, names in lower case.
    pub headers: String,
    /// Who asks, as JSON.
    pub principal: String,
    /// As it came.
    pub body: Bytes,
}

/// Shows no header and no body: they may hold secrets.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What became of a webhook request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Webhooked {
    /// The plugin has answered.
    Answered {
        /// From 200 to 599.
        status: u16,
        /// May stand in a header.
        content_type: String,
        /// At most [`limits::REPLY_BYTES`].
        body: Bytes,
    },
    /// The plugin has answered, or refused, in a way that cannot be passed on; this says what is wrong with it.
    Nonsense(String),
    /// The plugin was stopped, or has died.
    Lost,
}

/// Why a webhook request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Nobody has mounted the path, or whoever has does not run.
    Nobody,
    /// Too many wait already.
    Busy,
}

/// Told once what became of a request.
pub(crate) type Told = Box<dyn FnOnce(Webhooked) + Send>;

/// The requests that wait.
#[derive(Default)]
pub(crate) struct Webhooks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Told>,
    is_closed: bool,
}

impl Webhooks {
    /// Remembers a request. Returns its number, which is never used twice.
    pub(crate) fn open(&self, told: Told) -> Result<u64, NotTaken> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut state = lock(&self.state);
        if state.is_closed {
            return Err(NotTaken::Nobody);
        }
        if state.waiting.len() >= limits::WEBHOOKS {
            return Err(NotTaken::Busy);
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        state.waiting.insert(id, told);
        Ok(id)
    }

    /// Tells whether somebody still waits.
    pub(crate) fn is_open(&self, id: u64) -> bool {
        lock(&self.state).waiting.contains_key(&id)
    }

    /// Counts those that wait.
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// Nobody waits any more.
    pub(crate) fn forget(&self, id: u64) {
        let told = lock(&self.state).waiting.remove(&id);
        drop(told);
    }

    /// Tells whoever waits. False when nobody does.
    pub(crate) fn settle(&self, id: u64, what: Webhooked) -> bool {
        let told = lock(&self.state).waiting.remove(&id);
        told.map(|told| told(what)).is_some()
    }

    /// The plugin has answered.
    pub(crate) fn reply(&self, id: u64, status: u16, kind: &[u8], body: &[u8]) -> Result<(), Denied> {
        let (what, result) = match judge(status, kind, body) {
            Ok(content_type) => {
                (Webhooked::Answered { status, content_type, body: Bytes::copy_from_slice(body) }, Ok(()))
            }
            Err((denied, why)) => (Webhooked::Nonsense(why), Err(denied)),
        };
        if self.settle(id, what) { result } else { Err(Denied::NotFound) }
    }

    /// Takes nothing more; whoever waits is told that the plugin is gone.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = lock(&self.state);
            state.is_closed = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(|told| told(Webhooked::Lost));
    }
}

/// Says what is wrong with an answer, or returns its content type.
fn judge(status: u16, kind: &[u8], body: &[u8]) -> Result<String, (Denied, String)> {
    if !(200..=599).contains(&status) {
        return Err((Denied::Invalid, format!("it answered with the status {status}; 200 to 599 are wanted")));
    }
    if body.len() > limits::REPLY_BYTES {
        let why = format!("its answer has {} bytes; at most {} are allowed", body.len(), limits::REPLY_BYTES);
        return Err((Denied::TooLarge, why));
    }
    let is_plain = kind.len() <= 200 && kind.iter().all(|b| (0x20..0x7f).contains(b));
    match std::str::from_utf8(kind) {
        Ok("") => Ok("application/octet-stream".to_owned()),
        Ok(kind) if is_plain => Ok(kind.to_owned()),
        _ => Err((Denied::Invalid, "the content type of its answer cannot stand in a header".to_owned())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    fn open(webhooks: &Webhooks) -> (u64, mpsc::Receiver<Webhooked>) {
        let (send, receive) = mpsc::channel();
        (webhooks.open(Box::new(move |what| send.send(what).unwrap())).unwrap(), receive)
    }

    #[test]
    fn a_request_is_answered_once() {
        let webhooks = Webhooks::default();
        let (id, told) = open(&webhooks);
        assert_eq!(webhooks.reply(id, 201, b"", b"x"), Ok(()));
        let (kind, body) = ("application/octet-stream".to_owned(), Bytes::from_static(b"x"));
        assert_eq!(told.recv(), Ok(Webhooked::Answered { status: 201, content_type: kind, body }));
        assert_eq!(webhooks.reply(id, 200, b"", b""), Err(Denied::NotFound));
        assert_eq!(webhooks.reply(id + 1, 200, b"", b""), Err(Denied::NotFound));
    }

    #[test]
    fn nonsense_is_told_to_both_sides() {
        let large = vec![0; limits::REPLY_BYTES + 1];
        for (status, kind, body, wanted) in [
            (199, &b"text/plain"[..], &b""[..], Denied::Invalid),
            (600, b"text/plain", b"", Denied::Invalid),
            (200, b"text/plain\r\nSet-Cookie: a=b", b"", Denied::Invalid),
            (200, b"\xff", b"", Denied::Invalid),
            (200, b"text/plain", &large, Denied::TooLarge),
        ] {
            let webhooks = Webhooks::default();
            let (id, told) = open(&webhooks);
            assert_eq!(webhooks.reply(id, status, kind, body), Err(wanted));
            assert!(matches!(told.recv(), Ok(Webhooked::Nonsense(_))));
        }
    }

    #[test]
    fn the_number_is_limited_and_an_end_tells_everyone() {
        let webhooks = Arc::new(Webhooks::default());
        let all: Vec<_> = (0..limits::WEBHOOKS).map(|_| open(&webhooks)).collect();
        assert_eq!(webhooks.open(Box::new(drop)), Err(NotTaken::Busy));
        webhooks.forget(all[0].0);
        assert!(!webhooks.is_open(all[0].0) && webhooks.is_open(all[1].0));
        webhooks.close();
        assert!(all[1..].iter().all(|(_, told)| told.recv() == Ok(Webhooked::Lost)));
        assert!(all[0].1.recv().is_err(), "nobody waited");
        assert_eq!(webhooks.open(Box::new(drop)), Err(NotTaken::Nobody));
    }
}
