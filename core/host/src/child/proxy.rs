//! What a plugin calls, as frames to the host.
//!
//! Messages and timers do not wait for the host: whether there is room, and what is open, is known here. What the host
//! alone knows is asked for.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock},
    thread::ThreadId,
    time::{Duration, Instant},
};

use tieline_plugin_sdk::{abi, limits};

use super::line::Line;
use crate::{
    Denied, Inbound, Metric,
    callbacks::Callbacks,
    calls::{Message, SocketNews},
    lock,
    service::Services,
    wire::{FromChild, Service},
};

/// The host, as the plugin of this process sees it.
pub(super) struct Proxy {
    line: Arc<Line>,
    name: OnceLock<String>,
    /// The thread that makes the calls.
    driver: ThreadId,
    sockets: Mutex<HashSet<u64>>,
    /// Those that were set and have not run out.
    timers: Mutex<HashSet<u64>>,
}

impl Proxy {
    /// The calling thread makes the calls.
    pub(super) fn new(line: Arc<Line>) -> Self {
        Proxy {
            line,
            name: OnceLock::new(),
            driver: std::thread::current().id(),
            sockets: Mutex::default(),
            timers: Mutex::default(),
        }
    }

    /// The manifest is known.
    pub(super) fn named(&self, name: &str) {
        let _twice = self.name.set(name.to_owned());
    }

    /// The plugin is told that there is room again.
    pub(super) fn resumed(&self, messages: u32, bytes: u64) {
        let mut room = lock(&self.line.room);
        room.free(messages, bytes);
        room.resume();
    }

    /// A timer has run out.
    pub(super) fn fired(&self, id: u64) {
        lock(&self.timers).remove(&id);
    }

    /// Keeps track of the sockets that are open.
    pub(super) fn sockets(&self, events: &[SocketNews<'_>]) {
        let mut sockets = lock(&self.sockets);
        for event in events {
            match event.what {
                abi::SOCKET_OPEN => drop(sockets.insert(event.socket)),
                abi::SOCKET_CLOSED => drop(sockets.remove(&event.socket)),
                _ => {}
            }
        }
    }

    /// During a call of the host, everything goes out with the answer to it.
    fn is_in_call(&self) -> bool {
        std::thread::current().id() == self.driver
    }

    fn say(&self, frame: &FromChild<'_>) {
        self.line.say(frame, !self.is_in_call());
    }
}

impl Callbacks for Proxy {
    fn plugin(&self) -> &str {
        self.name.get().map_or("?", String::as_str)
    }

    fn inbound(&self, messages: &[Inbound<'_>]) -> usize {
        let (count, is_news) = {
            let mut room = lock(&self.line.room);
            let count = messages.iter().take_while(|message| room.take(message.payload.len())).count();
            (count, count < messages.len() && room.wait())
        };
        if count > 0 {
            let taken = messages[..count].iter().map(|m| Message {
                kind: m.kind.as_u16(),
                link: m.link,
                corr: m.corr,
                payload: m.payload,
            });
            self.say(&FromChild::Inbound { messages: taken.collect() });
        }
        if is_news {
            self.say(&FromChild::Blocked);
        }
        count
    }

    fn complete(&self, token: u64, status: i32, detail: &str) {
        self.say(&FromChild::Complete { token, status, detail: detail.as_bytes() });
    }

    fn writable(&self) {
        self.say(&FromChild::Writable);
    }

    fn log(&self, level: u8, target: &str, json: &str) {
        self.say(&FromChild::Log { level, target: target.as_bytes(), json: json.as_bytes() });
    }

    fn fault(&self, reason: String) {
        self.say(&FromChild::Fault { is_in_call: self.is_in_call(), reason: reason.as_bytes() });
    }

    fn socket_send(&self, socket: u64, is_text: bool, data: &[u8]) -> i32 {
        if !lock(&self.sockets).contains(&socket) {
            return abi::CLOSED;
        }
        self.say(&FromChild::SocketSend { socket, is_text, data });
        abi::OK
    }

    fn socket_close(&self, socket: u64, code: u16, reason: &str) -> i32 {
        if !lock(&self.sockets).contains(&socket) {
            return abi::CLOSED;
        }
        self.say(&FromChild::SocketClose { socket, code, reason: reason.as_bytes() });
        abi::OK
    }
}

impl Services for Proxy {
    fn kv_get(&self, key: &[u8]) -> Result<Vec<u8>, Denied> {
        self.line.ask(Service::KvGet { key })
    }

    fn kv_put(&self, key: &[u8], value: &[u8]) -> Result<(), Denied> {
        self.line.ask(Service::KvPut { key, value }).map(drop)
    }

    fn kv_delete(&self, key: &[u8]) -> Result<(), Denied> {
        self.line.ask(Service::KvDelete { key }).map(drop)
    }

    fn kv_keys(&self, prefix: &[u8]) -> Result<Vec<u8>, Denied> {
        self.line.ask(Service::KvKeys { prefix })
    }

    fn secret(&self, name: &[u8]) -> Result<Vec<u8>, Denied> {
        self.line.ask(Service::Secret { name })
    }

    fn timer(&self, id: u64, after_ms: u64) -> Result<(), Denied> {
        {
            let mut timers = lock(&self.timers);
            if after_ms == abi::TIMER_CANCEL {
                timers.remove(&id);
            } else if Instant::now().checked_add(Duration::from_millis(after_ms)).is_none() {
                return Err(Denied::Invalid);
            } else if timers.len() >= limits::TIMERS && !timers.contains(&id) {
                return Err(Denied::TooLarge);
            } else {
                timers.insert(id);
            }
        }
        self.say(&FromChild::Timer { id, after_ms });
        Ok(())
    }

    fn metric(&self, kind: u8, name: &[u8], value: f64, labels: &[u8]) -> Result<(), Denied> {
        Metric::read(kind, name, value, labels)?;
        self.say(&FromChild::Metric { kind, name, value, labels });
        Ok(())
    }

    fn principal(&self, link: u64) -> Result<Vec<u8>, Denied> {
        self.line.ask(Service::Principal { link })
    }

    fn webhook_reply(&self, request: u64, status: u16, kind: &[u8], body: &[u8]) -> Result<(), Denied> {
        self.line.ask(Service::WebhookReply { request, status, kind, body }).map(drop)
    }
}
