//! One life of a plugin, as the threads around it share it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::ThreadId,
};

use bytes::Bytes;
use tieline_plugin_sdk::abi;

use crate::{
    Events, Inbound, Limits, Outbound, Socket,
    callbacks::Callbacks,
    inbox::Inbox,
    inflight::{Given, InFlight},
    lock,
    queue::Queue,
    webhooks::Webhooks,
};

/// One life of a plugin.
pub(crate) struct Instance {
    /// Goes to the plugin as `ctx`; never used twice.
    pub id: u64,
    pub plugin: Arc<str>,
    pub queue: Queue,
    pub inbox: Inbox,
    pub inflight: Mutex<InFlight>,
    pub webhooks: Webhooks,
    pub events: Arc<dyn Events>,
    sockets: Mutex<HashMap<u64, Arc<dyn Socket>>>,
    said: Mutex<Option<String>>,
    driver: OnceLock<ThreadId>,
    over: AtomicBool,
}

impl Instance {
    pub(crate) fn new(plugin: Arc<str>, events: Arc<dyn Events>, limits: &Limits) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Instance {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            plugin,
            queue: Queue::new(limits),
            inbox: Inbox::default(),
            inflight: Mutex::default(),
            webhooks: Webhooks::default(),
            events,
            sockets: Mutex::default(),
            said: Mutex::default(),
            driver: OnceLock::new(),
            over: AtomicBool::new(false),
        })
    }

    /// The calling thread drives it.
    pub(crate) fn drive_here(&self) {
        self.driver.get_or_init(|| std::thread::current().id());
    }

    /// Passes an answer on.
    pub(crate) fn answer(&self, Given { link, kind, corr }: Given, ok: bool, detail: &str) {
        self.events.completed(&self.plugin, link, kind, corr, ok, detail);
    }

    /// The plugin says what went wrong. In a call, the status decides what follows; outside, this is a death.
    pub(crate) fn say(&self, reason: String, is_in_call: bool) {
        *lock(&self.said) = Some(reason);
        if !is_in_call {
            self.queue.fault();
        }
    }

    /// Returns, once, what the plugin has said last about what went wrong.
    pub(crate) fn said(&self) -> Option<String> {
        lock(&self.said).take()
    }

    /// Holds a socket for the plugin; false when the instance is gone.
    pub(crate) fn open_socket(&self, socket: u64, opened: Bytes, sink: Arc<dyn Socket>) -> bool {
        // First the way back: the plugin may answer before this returns.
        lock(&self.sockets).insert(socket, sink);
        let taken = self.queue.socket_opened(socket, opened);
        if !taken {
            lock(&self.sockets).remove(&socket);
        }
        taken
    }

    /// Forgets a socket and tells the plugin.
    pub(crate) fn close_socket(&self, socket: u64, closed: Bytes) {
        lock(&self.sockets).remove(&socket);
        self.queue.socket_closed(socket, closed);
    }

    /// Returns the way back to a socket.
    pub(crate) fn socket(&self, socket: u64) -> Option<Arc<dyn Socket>> {
        lock(&self.sockets).get(&socket).cloned()
    }

    /// Tells whether it was ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends it: nothing goes in any more, everything that was taken is answered, every socket is closed, and whoever
    /// waits for a webhook is told. False when it
    /// was over already.
    pub(crate) fn end(&self, code: u16, why: &str) -> bool {
        if self.over.swap(true, Ordering::AcqRel) {
            return false;
        }
        let waiting = self.queue.close();
        let given = lock(&self.inflight).drain();
        let waiting = waiting.into_iter().map(|Outbound { link, kind, corr, .. }| Given { link, kind, corr });
        for message in given.into_iter().chain(waiting) {
            self.answer(message, false, why);
        }
        self.webhooks.close();
        let sockets: Vec<_> = lock(&self.sockets).drain().collect();
        for (_, sink) in sockets {
            sink.close(code, why);
        }
        true
    }
}

impl Callbacks for Instance {
    fn plugin(&self) -> &str {
        &self.plugin
    }

    fn inbound(&self, messages: &[Inbound<'_>]) -> usize {
        let taken = self.inbox.take(&*self.events, &self.plugin, messages);
        if taken.resumed_meanwhile {
            self.queue.resume();
        }
        taken.count
    }

    fn complete(&self, token: u64, status: i32, detail: &str) {
        // A token that is unknown or was answered before is of no interest.
        let given = lock(&self.inflight).close(token);
        if let Some(given) = given {
            let detail = match (detail, status) {
                ("", abi::CLOSED) => "the link is gone",
                (detail, _) => detail,
            };
            self.answer(given, status == abi::OK, detail);
        }
    }

    fn writable(&self) {
        self.queue.writable();
    }

    fn log(&self, level: u8, target: &str, json: &str) {
        let level = match level {
            1 => tracing::Level::ERROR,
            2 => tracing::Level::WARN,
            3 => tracing::Level::INFO,
            4 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        self.events.plugin_log(&self.plugin, level, target, json);
    }

    fn fault(&self, reason: String) {
        self.say(reason, self.driver.get() == Some(&std::thread::current().id()));
    }

    fn socket_send(&self, socket: u64, is_text: bool, data: &[u8]) -> i32 {
        match self.socket(socket) {
            Some(sink) if sink.send(is_text, Bytes::copy_from_slice(data)) => abi::OK,
            _ => abi::CLOSED,
        }
    }

    fn socket_close(&self, socket: u64, code: u16, reason: &str) -> i32 {
        match self.socket(socket) {
            Some(sink) => {
                sink.close(code, reason);
                abi::OK
            }
            None => abi::CLOSED,
        }
    }
}
