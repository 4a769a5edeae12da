//! Puts the plugin host behind the engine's [`Port`] and [`Sockets`], and the engine behind the host's [`Events`].
//!
//! Here alone both vocabularies are known.

mod changes;
mod show;
mod steer;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use tieline_host::{
    Denied, Events, Host, Inbound, Kind, Metric, NotTaken, Outbound, PluginSettings, Settings, Socket, Status, Webhook,
};
use tieline_model::{
    Code, Command, LinkId, Principal, Refusal,
    reply::{PluginLogRecord, PluginView},
};

use tokio::sync::oneshot;

use crate::{
    Engine,
    kv::KvChange,
    links::{LinkInput, Links},
    port::{FrameKind, LinkMessage, Mounted, Port, SocketSink, Sockets, Unable, WebhookCall, WebhookWait, Webhooks},
    presence::Link,
    secrets::Secrets,
    services::Services,
};
use changes::Changes;

/// Links that a plugin opened by itself carry this bit in the plugin's own numbering.
const OWN_LINK: u64 = 1 << 63;

/// What the configuration says of plugins.
#[derive(Debug, Clone)]
pub struct Sections {
    /// As it is written.
    pub plugins: tieline_config::Plugins,
    /// As the host wants it.
    pub settings: BTreeMap<String, PluginSettings>,
}

/// Reads the sections anew; an error is a sentence.
pub type Reread = Box<dyn Fn() -> Result<Sections, String> + Send + Sync>;

/// The plugins of a running engine.
pub struct Plugins {
    host: Arc<Host>,
    ear: Arc<Ear>,
    reread: OnceLock<Reread>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plugins")
    }
}

impl Plugins {
    /// Connects a host to the engine. Nothing is loaded yet.
    pub fn connect(engine: &Engine, settings: Settings, limits: tieline_host::Limits, secrets: Secrets) -> Arc<Self> {
        let services = Services::new(&engine.door, secrets);
        let changes = Changes::default();
        let ear = Arc::new(Ear { links: engine.links.clone(), own: Mutex::default(), changes, services });
        let host = Host::with_limits(settings, limits, Arc::clone(&ear) as Arc<dyn Events>);
        let plugins = Arc::new(Self { host, ear, reread: OnceLock::new() });
        engine.connect(Arc::clone(&plugins) as Arc<dyn Port>);
        plugins
    }

    /// Has the configuration read anew before a person's operation starts a plugin. Only the first call counts.
    pub fn reread_with(&self, reread: Reread) {
        if self.reread.set(reread).is_err() {
            tracing::warn!("how the configuration is read anew was known before");
        }
    }

    /// Takes the sections of plugins as they are now, so that what a person has just mended counts.
    fn reread(&self, command: &Command) -> Result<(), Unable> {
        let Some(reread) = self.reread.get() else { return Ok(()) };
        let Sections { plugins, settings } = reread().map_err(|problem| {
            let message = format!("the configuration cannot be used as it is now, and nothing was done: {problem}");
            Refusal::new(Code::PluginState, message).at(command.name())
        })?;
        self.ear.links.configure(plugins);
        self.host.configure(settings);
        Ok(())
    }

    /// Loads what is in the plugin folder, and follows it from then on. Blocks until the first load is done.
    pub fn watch(&self) -> std::io::Result<()> {
        self.host.watch()
    }

    /// Stops all plugins. Blocks, bounded by the stop limit.
    pub fn stop_all(&self) {
        self.host.stop_all();
    }

    /// Lists the plugins with their states.
    pub fn status(&self) -> Vec<Status> {
        self.host.status()
    }
}

impl Port for Plugins {
    fn deliver(&self, transport: &str, messages: Vec<LinkMessage>) -> Vec<LinkMessage> {
        let outbound = messages
            .into_iter()
            .map(|message| Outbound {
                link: self.ear.number_of(transport, message.link),
                kind: kind(message.kind),
                corr: message.corr,
                payload: message.payload,
            })
            .collect();
        let left = self.host.deliver(transport, outbound);
        left.into_iter()
            .filter_map(|message| {
                Some(LinkMessage {
                    link: self.ear.link_of(transport, message.link)?,
                    kind: frame_kind(message.kind)?,
                    corr: message.corr,
                    payload: message.payload,
                })
            })
            .collect()
    }

    fn plugins(&self) -> Vec<PluginView> {
        self.host.status().into_iter().map(show::plugin).collect()
    }

    fn plugin_logs(&self, file: &str) -> Vec<PluginLogRecord> {
        self.host.logs(file, usize::MAX).into_iter().flatten().map(show::log_record).collect()
    }

    fn operate(&self, command: &Command, by: &Principal) -> Result<PluginView, Unable> {
        if !matches!(command, Command::PluginDisable(_)) {
            self.reread(command)?;
        }
        steer::operate(&self.host, command, by)
    }
}

impl Sockets for Plugins {
    fn mounted(&self, path: &str) -> Mounted {
        match self.host.mounted(path) {
            Some((_, true)) => Mounted::Open,
            Some((_, false)) => Mounted::Soon,
            None => Mounted::Nobody,
        }
    }

    fn open(&self, path: &str, principal: Arc<Principal>, sink: Arc<dyn SocketSink>) -> Option<Arc<Link>> {
        let (plugin, _) = self.host.mounted(path)?;
        let opened = serde_json::json!({ "path": path, "principal": &*principal }).to_string();
        let link = self.ear.links.open(&plugin, principal);
        if self.host.socket_opened(&plugin, link.id.0, opened.into(), Arc::new(Held(sink))) {
            self.ear.links.check_token(&link);
            return Some(link);
        }
        self.ear.links.close(link.id, "the transport was stopped");
        None
    }

    fn frames(&self, link: LinkId, frames: Vec<(bool, Bytes)>) -> bool {
        self.host.socket_frames(link.0, frames)
    }

    fn closed(&self, link: LinkId, code: Option<u16>) {
        self.host.socket_closed(link.0, code);
        self.ear.links.close(link, "the connection was lost");
    }
}

impl Webhooks for Plugins {
    fn has_webhook(&self, path: &str) -> bool {
        self.host.webhooks().iter().any(|(mounted, _)| mounted == path)
    }

    fn waiting(&self) -> usize {
        self.host.webhooks_waiting()
    }

    fn call(&self, call: WebhookCall) -> Result<WebhookWait, NotTaken> {
        let (_, plugin) =
            self.host.webhooks().into_iter().find(|(mounted, _)| *mounted == call.path).ok_or(NotTaken::Nobody)?;
        let request = Webhook {
            headers: serde_json::json!(call.headers).to_string(),
            principal: serde_json::json!(&*call.principal).to_string(),
            method: call.method,
            path: call.path,
            query: call.query,
            body: call.body,
        };
        let (told, end) = oneshot::channel();
        // Whoever sent it may have gone; then there is nobody to tell.
        let ticket = self.host.webhook(&plugin, request, move |what| drop(told.send(what)))?;
        Ok(WebhookWait::new(end, ticket))
    }
}

/// A socket of the server, as the host wants it.
struct Held(Arc<dyn SocketSink>);

impl Socket for Held {
    fn send(&self, is_text: bool, data: Bytes) -> bool {
        self.0.send(is_text, data)
    }
    fn close(&self, code: u16, reason: &str) {
        self.0.close(code, reason);
    }
}

/// What the engine hears from plugins.
struct Ear {
    links: Links,
    /// Links that plugins opened by themselves, by their own numbers.
    own: Mutex<HashMap<(String, u64), Arc<Link>>>,
    changes: Changes,
    services: Services,
}

impl Ear {
    fn link_of(&self, plugin: &str, number: u64) -> Option<LinkId> {
        if number & OWN_LINK == 0 {
            return Some(LinkId(number));
        }
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.get(&(plugin.to_owned(), number)).map(|link| link.id)
    }

    fn number_of(&self, plugin: &str, link: LinkId) -> u64 {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let found = own.iter().find(|((of, _), known)| of == plugin && known.id == link);
        found.map_or(link.0, |((_, number), _)| *number)
    }

    /// A plugin opened a link itself: it speaks as the plugin, never as somebody else.
    fn link_up(&self, plugin: &str, number: u64) {
        if number & OWN_LINK == 0 {
            tracing::warn!(plugin, "a plugin opened a link under a number that is not its own");
            return;
        }
        let (link, refusal) = match self.links.open_own(plugin) {
            Ok(link) => (link, None),
            // It may do nothing over this one, which is there to tell it why.
            Err(refusal) => (self.links.open(plugin, Arc::new(crate::Shared::system())), Some(refusal)),
        };
        let id = link.id;
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let old = own.insert((plugin.to_owned(), number), link);
        drop(own);
        if let Some(old) = old {
            self.links.close(old.id, "its plugin opened it again");
        }
        if let Some(refusal) = refusal {
            self.links.turn_away(plugin, id, &refusal);
            self.link_down(plugin, number);
        }
    }

    fn link_down(&self, plugin: &str, number: u64) {
        let removed = {
            let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            own.remove(&(plugin.to_owned(), number)).map(|link| link.id)
        };
        if let Some(link) = removed.or_else(|| (number & OWN_LINK == 0).then_some(LinkId(number))) {
            self.links.close(link, "the transport ended the link");
        }
    }
}

impl Events for Ear {
    fn inbound(&self, plugin: &str, messages: &[Inbound<'_>]) -> usize {
        let mut inputs = Vec::with_capacity(messages.len());
        for message in messages {
            match message.kind {
                Kind::LinkUp => self.link_up(plugin, message.link),
                Kind::LinkDown => {
                    // What it said before it went still counts.
                    self.links.take(&std::mem::take(&mut inputs));
                    self.link_down(plugin, message.link);
                }
                _ => {
                    let (Some(link), Some(kind)) = (self.link_of(plugin, message.link), frame_kind(message.kind))
                    else {
                        continue;
                    };
                    inputs.push(LinkInput { link, kind, corr: message.corr, payload: message.payload });
                }
            }
        }
        self.links.take(&inputs);
        messages.len()
    }

    fn completed(&self, plugin: &str, link: u64, kind: Kind, _: u64, ok: bool, detail: &str) {
        if !ok {
            tracing::debug!(plugin, link, ?kind, detail, "a message did not go out");
        }
    }

    fn writable(&self, plugin: &str) {
        self.links.writable(plugin);
    }

    fn instance_lost(&self, plugin: &str) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != plugin);
        self.links.close_all(plugin, "the transport was stopped");
        self.services.forget(plugin);
    }

    fn kv_get(&self, plugin: &str, key: &str) -> Result<Vec<u8>, Denied> {
        self.services.kv_get(plugin, key)
    }

    fn kv_put(&self, plugin: &str, key: &str, value: &[u8]) -> Result<(), Denied> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.services.kv_change(plugin, KvChange::Put { key, value })
    }

    fn kv_delete(&self, plugin: &str, key: &str) -> Result<(), Denied> {
        self.services.kv_change(plugin, KvChange::Delete { key: key.to_owned() })
    }

    fn kv_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, Denied> {
        self.services.kv_keys(plugin, prefix)
    }

    fn secret(&self, plugin: &str, name: &str) -> Result<Vec<u8>, Denied> {
        self.services.secret(plugin, name)
    }

    fn metric(&self, plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        self.services.metric(plugin, metric)
    }

    fn principal(&self, plugin: &str, link: u64) -> Result<Vec<u8>, Denied> {
        let link = self.link_of(plugin, link).and_then(|link| self.links.principal(plugin, link));
        self.services.principal(link)
    }

    fn changed(&self, status: &Status) {
        if let Some(incident) = self.changes.take(status) {
            self.links.incident(incident);
        }
    }
}

fn kind(kind: FrameKind) -> Kind {
    match kind {
        FrameKind::Command => Kind::Command,
        FrameKind::Outcome => Kind::Outcome,
        FrameKind::Delivery => Kind::Delivery,
        FrameKind::Receipt => Kind::Receipt,
        FrameKind::Skip => Kind::Skip,
        FrameKind::Credit => Kind::Credit,
        FrameKind::Progress => Kind::Progress,
        FrameKind::LinkDown => Kind::LinkDown,
    }
}

fn frame_kind(kind: Kind) -> Option<FrameKind> {
    Some(match kind {
        Kind::Command => FrameKind::Command,
        Kind::Outcome => FrameKind::Outcome,
        Kind::Delivery => FrameKind::Delivery,
        Kind::Receipt => FrameKind::Receipt,
        Kind::Skip => FrameKind::Skip,
        Kind::Credit => FrameKind::Credit,
        Kind::Progress => FrameKind::Progress,
        Kind::LinkDown => FrameKind::LinkDown,
        Kind::LinkUp => return None,
    })
}
