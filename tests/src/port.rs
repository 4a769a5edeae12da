//! A transport that remembers what it was given, per link, and that can be full or cut off.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tieline_engine::port::{FrameKind, LinkMessage, Port, Unable};
use tieline_model::{
    Code, Command, LinkId, Outcome, Principal, PrincipalId, Refusal, TimestampMs,
    command::PluginTrust,
    frame::{DeliveryFrame, LinkDownFrame, OutcomeFrame, ProgressFrame, SkipFrame},
    plugin,
    reply::{PluginLogRecord, PluginView},
};
use tokio::sync::watch;

/// One thing that a link was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a test's record; nobody counts its bytes")]
pub enum Heard {
    /// The outcome of a command.
    Outcome {
        /// The number of the command.
        corr: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// A message.
    Delivery(DeliveryFrame),
    /// A number that will not be delivered.
    Skip(SkipFrame),
    /// How one of its own messages fares.
    Progress(ProgressFrame),
    /// The end of the link.
    Down(LinkDownFrame),
}

#[derive(Debug, Default)]
struct State {
    links: HashMap<LinkId, Vec<Heard>>,
    /// For each thing heard, how many were before it over all links.
    places: HashMap<LinkId, Vec<u64>>,
    count: u64,
    /// How many more deliveries are taken; `None` is any number.
    room: Option<usize>,
    refusals: u64,
    is_cut: bool,
    plugins: Vec<PluginView>,
    operations: Vec<(&'static str, PrincipalId)>,
}

/// How many log records each of its plugins has.
pub const LOG_RECORDS: u64 = 300;

/// The transport.
#[derive(Debug)]
pub struct Recorder {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Recorder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what `f` makes of everything that a link was given so far.
    pub fn heard<T>(&self, link: LinkId, f: impl FnOnce(&[Heard]) -> T) -> T {
        f(self.state().links.get(&link).map(Vec::as_slice).unwrap_or_default())
    }

    /// Returns where the `index`-th thing that a link heard stands among all that was heard.
    pub fn place(&self, link: LinkId, index: usize) -> u64 {
        self.state().places[&link][index]
    }

    /// Counts all that was taken so far; whoever waits is woken when it grows.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes so many more deliveries and then gives the rest back; `None` takes all.
    pub fn set_room(&self, room: Option<usize>) {
        self.state().room = room;
    }

    /// Counts the deliveries that it gave back.
    pub fn refusals(&self) -> u64 {
        self.state().refusals
    }

    /// Pretends that these plugins are there.
    pub fn set_plugins(&self, plugins: Vec<PluginView>) {
        self.state().plugins = plugins;
    }

    /// Returns the operations on plugins that it was asked for, and by whom.
    pub fn operations(&self) -> Vec<(&'static str, PrincipalId)> {
        self.state().operations.clone()
    }

    /// Takes nothing any more, without a word: the process behind it is dead.
    pub fn cut(&self) {
        self.state().is_cut = true;
    }
}

impl Port for Recorder {
    fn deliver(&self, _transport: &str, messages: Vec<LinkMessage>) -> Vec<LinkMessage> {
        let mut state = self.state();
        if state.is_cut {
            return Vec::new();
        }
        let mut left = Vec::new();
        // As the plugin host does: a skip waits behind a delivery of its link that came back.
        let mut waiting = HashSet::new();
        for message in messages {
            let fits = match message.kind {
                FrameKind::Delivery => left.is_empty() && state.room != Some(0),
                FrameKind::Skip => !waiting.contains(&message.link),
                _ => true,
            };
            if !fits {
                state.refusals += u64::from(message.kind == FrameKind::Delivery);
                waiting.insert(message.link);
                left.push(message);
                continue;
            }
            if let (FrameKind::Delivery, Some(room)) = (message.kind, &mut state.room) {
                *room -= 1;
            }
            let count = state.count;
            state.count += 1;
            state.links.entry(message.link).or_default().push(read(&message));
            state.places.entry(message.link).or_default().push(count);
        }
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        left
    }

    fn plugins(&self) -> Vec<PluginView> {
        self.state().plugins.clone()
    }

    fn plugin_logs(&self, _file: &str) -> Vec<PluginLogRecord> {
        let record = |seq| PluginLogRecord {
            seq,
            at_ms: TimestampMs(0),
            level: "info".to_owned(),
            target: "pretended".to_owned(),
            fields: serde_json::json!({ "message": format!("line {seq}") }),
        };
        (1..=LOG_RECORDS).map(record).collect()
    }

    fn operate(&self, command: &Command, by: &Principal) -> Result<PluginView, Unable> {
        let mut state = self.state();
        let (name, becomes) = match command {
            Command::PluginEnable(it) | Command::PluginReload(it) => (&it.name, "running"),
            Command::PluginTrust(it) => (&it.name, "running"),
            Command::PluginDisable(it) => (&it.name, "disabled"),
            other => return Err(Unable::Failed(format!("`{}` is no operation", other.name()))),
        };
        let found = plugin::find(&state.plugins, name, &format!("{}.name", command.name()))?.clone();
        if let Command::PluginTrust(PluginTrust { hash: Some(wanted), .. }) = command
            && Some(wanted) != found.hash.as_ref()
        {
            return Err(Refusal::new(Code::WrongHash, "the file has another hash").into());
        }
        let now = PluginView { state: becomes.to_owned(), ..found };
        state.plugins.retain(|plugin| plugin.file != now.file);
        state.plugins.push(now.clone());
        state.operations.push((command.name(), by.id));
        Ok(now)
    }
}

/// Reads a payload; what the engine sends and cannot be read back is the engine's mistake.
fn read(message: &LinkMessage) -> Heard {
    let payload = &message.payload;
    let heard = match message.kind {
        FrameKind::Outcome => serde_json::from_slice::<OutcomeFrame>(payload)
            .map(|outcome| Heard::Outcome { corr: message.corr, outcome: outcome.into() }),
        FrameKind::Delivery => serde_json::from_slice(payload).map(Heard::Delivery),
        FrameKind::Skip => serde_json::from_slice(payload).map(Heard::Skip),
        FrameKind::Progress => serde_json::from_slice(payload).map(Heard::Progress),
        FrameKind::LinkDown => serde_json::from_slice(payload).map(Heard::Down),
        FrameKind::Command | FrameKind::Receipt | FrameKind::Credit => {
            panic!("the engine sent a {:?}, which only links send", message.kind)
        }
    };
    heard.unwrap_or_else(|error| panic!("a {:?} for a link cannot be read: {error}", message.kind))
}
