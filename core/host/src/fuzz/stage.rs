//! A host around one instance: its driver as it is, and a listener that calls back and counts.

use std::{
    cell::Cell,
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tieline_plugin_sdk::{Kind, abi::HostApi};

use super::{hostile, input::Input};
use crate::{
    Denied, Events, Inbound, Limits, Metric, Outbound, PluginSettings, Settings, Socket, Status, TrustPolicy, Webhook,
    body::Body,
    driver,
    inflight::Given,
    instance::Instance,
    life::Life,
    lock,
    manifest::Manifest,
    queue::WebhookItem,
    slot::{Shared, Slot, Why},
};

/// The manifest of the plugin on it.
pub(super) const MANIFEST: &[u8] = br#"{"name":"hostile","version":"1.0.0"}"#;

/// The listener.
#[derive(Default)]
pub(super) struct Listener {
    /// How often each message was answered.
    answered: Mutex<HashMap<u64, u32>>,
    /// What it does with what it is told.
    script: Mutex<Input>,
    /// The functions, once the plugin knows them.
    pub api: OnceLock<&'static HostApi>,
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

impl Listener {
    /// Decides, and now and then calls the host from within.
    fn decide(&self) -> u8 {
        let (choice, mut part) = {
            let mut script = lock(&self.script);
            let choice = script.u8();
            (choice, if choice > 160 { script.part() } else { Input::default() })
        };
        if let Some(api) = self.api.get()
            && !part.is_empty()
            && DEPTH.get() < 3
        {
            DEPTH.set(DEPTH.get() + 1);
            hostile::call(api, &mut part);
            DEPTH.set(DEPTH.get() - 1);
        }
        choice
    }

    fn some(&self) -> Result<Vec<u8>, Denied> {
        match self.decide() {
            0..100 => Ok(vec![b'v'; 100]),
            // Without the message of a panic.
            100..110 => std::panic::resume_unwind(Box::new("the listener fails")),
            _ => Err(Denied::NotFound),
        }
    }
}

impl Events for Listener {
    fn inbound(&self, _: &str, messages: &[Inbound<'_>]) -> usize {
        for message in messages {
            // Whatever is passed on can be read.
            std::hint::black_box(message.payload.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
        }
        match self.decide() {
            0..200 => messages.len(),
            some => usize::from(some) % (messages.len() + 1),
        }
    }
    fn completed(&self, _: &str, _: u64, _: Kind, corr: u64, _: bool, _: &str) {
        *lock(&self.answered).entry(corr).or_default() += 1;
        self.decide();
    }
    fn writable(&self, _: &str) {
        self.decide();
    }
    fn instance_lost(&self, _: &str) {}
    fn changed(&self, _: &Status) {}
    fn kv_get(&self, _: &str, _: &str) -> Result<Vec<u8>, Denied> {
        self.some()
    }
    fn kv_put(&self, _: &str, _: &str, _: &[u8]) -> Result<(), Denied> {
        self.some().map(drop)
    }
    fn kv_delete(&self, _: &str, _: &str) -> Result<(), Denied> {
        self.some().map(drop)
    }
    fn kv_keys(&self, _: &str, _: &str) -> Result<Vec<String>, Denied> {
        self.some().map(|_| vec!["key".to_owned()])
    }
    fn secret(&self, _: &str, _: &str) -> Result<Vec<u8>, Denied> {
        self.some()
    }
    fn metric(&self, _: &str, _: Metric<'_>) -> Result<(), Denied> {
        self.decide();
        Ok(())
    }
    fn principal(&self, _: &str, _: u64) -> Result<Vec<u8>, Denied> {
        self.decide();
        Ok(b"{}".to_vec())
    }
    fn plugin_log(&self, _: &str, _: tracing::Level, _: &str, json: &str) {
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
        self.decide();
    }
}

/// A socket that takes everything.
struct Sink;

impl Socket for Sink {
    fn send(&self, is_text: bool, data: Bytes) -> bool {
        assert!(!is_text || std::str::from_utf8(&data).is_ok());
        true
    }
    fn close(&self, _: u16, _: &str) {}
}

/// The host.
pub(super) struct Stage {
    pub listener: Arc<Listener>,
    pub instance: Arc<Instance>,
    pub shared: Shared,
    slot: Arc<Slot>,
    /// Which messages were taken for the plugin: those up to this number, and none of the others.
    taken: Vec<u64>,
    /// How often somebody who waited for a webhook was told.
    told: Arc<AtomicU64>,
    asked: u64,
}

impl Stage {
    pub(super) fn new(listener: Input) -> Stage {
        let listener = Arc::new(Listener { script: Mutex::new(listener), ..Listener::default() });
        let limits = Limits { queue_messages: 8, queue_bytes: 1000, heartbeat: Duration::ZERO, ..Limits::default() };
        let events: Arc<dyn Events> = Arc::clone(&listener) as _;
        let instance = Instance::new("hostile".into(), Arc::clone(&events), &limits);
        let shared = Shared {
            settings: settings(),
            limits,
            events,
            list: Default::default(),
            sockets: Default::default(),
            clock: Instant::now(),
            sections: Default::default(),
        };
        let slot = Slot::new("hostile".to_owned(), "hostile.so".to_owned());
        Stage { listener, instance, shared, slot, taken: Vec::new(), told: Arc::default(), asked: 0 }
    }

    /// Drives the instance through what the input says, to its end, and counts the answers.
    pub(super) fn play(&mut self, body: Body, input: &mut Input) -> u64 {
        assert!(self.slot.begin(&self.instance, body.process()));
        let (shared, slot, instance) = (&self.shared, &self.slot, &self.instance);
        let mut life = Life::new(shared, slot, Arc::clone(instance), body);
        let manifest = Manifest::parse(MANIFEST).expect("a manifest");
        let mut result = life.begin(&manifest, &PluginSettings::default());
        let mut acts = 0;
        while result.is_ok() && !input.is_empty() && acts < 40 {
            acts += 1;
            let turn = match input.u8() % 10 {
                0 => {
                    let messages: Vec<Outbound> = (0..input.u8() % 12).map(|_| message(input)).collect();
                    let all: Vec<u64> = messages.iter().map(|message| message.corr).collect();
                    let back: Vec<u64> = instance.queue.push(messages).iter().map(|message| message.corr).collect();
                    self.taken.extend(all.into_iter().filter(|corr| !back.contains(corr)));
                    continue;
                }
                1 => {
                    let opened = Bytes::from_static(br#"{"path":"/x","principal":{}}"#);
                    instance.open_socket(input.number(), opened, Arc::new(Sink));
                    continue;
                }
                2 => {
                    let data = Bytes::from(input.piece());
                    let _gone = instance.queue.socket_frames(input.number(), vec![(input.u8() < 128, data)]);
                    continue;
                }
                3 => {
                    instance.close_socket(input.number(), Bytes::from_static(b"{}"));
                    continue;
                }
                4 => {
                    let told = Arc::clone(&self.told);
                    let tell = Box::new(move |_| {
                        told.fetch_add(1, Ordering::SeqCst);
                    });
                    if let Ok(id) = instance.webhooks.open(tell) {
                        self.asked += 1;
                        instance.queue.webhook(WebhookItem { id, request: webhook() });
                    }
                    continue;
                }
                5 => {
                    instance.queue.resume();
                    continue;
                }
                6 if input.u8() > 230 => {
                    slot.stop(Why::Disabled);
                    continue;
                }
                _ => life.next(Some(Instant::now())),
            };
            result = turn.and_then(|turn| life.turn(turn));
        }
        let outcome = std::mem::discriminant(&driver::finish(life, &self.instance, result));
        assert!(self.instance.is_over());
        self.count();
        super::input::mark((outcome, self.taken.len().min(3), self.asked.min(2), acts.min(4)))
    }

    /// Gives the instance messages, without a driver.
    pub(super) fn give(&mut self, input: &mut Input) {
        let messages: Vec<Outbound> = (0..input.u8() % 4).map(|_| message(input)).collect();
        self.taken.extend(messages.iter().map(|message| message.corr));
        let given =
            messages.iter().map(|Outbound { link, kind, corr, .. }| Given { link: *link, kind: *kind, corr: *corr });
        lock(&self.instance.inflight).open(given);
    }

    /// Ends the instance, without a driver, and counts the answers.
    pub(super) fn end(&mut self) {
        assert!(self.instance.end(1001, "it was stopped"));
        self.count();
    }

    /// What was taken was answered once, and nothing else ever.
    fn count(&self) {
        let answered = lock(&self.listener.answered);
        for corr in &self.taken {
            assert_eq!(answered.get(corr), Some(&1), "how often the message {corr} was answered");
        }
        assert_eq!(answered.len(), self.taken.len(), "something was answered that was never there");
        assert_eq!(self.told.load(Ordering::SeqCst), self.asked, "how many webhooks were answered");
    }
}

fn message(input: &mut Input) -> Outbound {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let kind = input.one_of(&[Kind::Delivery, Kind::Delivery, Kind::Outcome, Kind::Skip, Kind::LinkDown]);
    let payload = Bytes::from(vec![b'x'; usize::from(input.u8())]);
    Outbound { link: input.number(), kind, corr: NEXT.fetch_add(1, Ordering::Relaxed), payload }
}

fn webhook() -> Webhook {
    let text = |text: &str| text.to_owned();
    Webhook {
        method: text("POST"),
        path: text("/hooks/x"),
        query: String::new(),
        headers: text("[]"),
        principal: text("{}"),
        body: Bytes::new(),
    }
}

fn settings() -> Settings {
    Settings {
        plugins_dir: PathBuf::new(),
        staging_dir: PathBuf::new(),
        markers_dir: PathBuf::new(),
        trust: TrustPolicy::Any,
        trust_file: PathBuf::new(),
        first_party: Vec::new(),
        now_ms: || 0,
        probe: Vec::new(),
        plugin_host: Vec::new(),
        stock: Vec::new(),
        reserved_paths: Vec::new(),
        plugins: Default::default(),
        call_limit: Duration::from_secs(5),
        stop_limit: Duration::from_secs(1),
    }
}
