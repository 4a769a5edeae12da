//! The door to all plugins.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    Events, Limits, LogRecord, NotTaken, Operation, OperationError, Outbound, PluginSettings, Settings, Socket, State,
    Status, Webhook, Webhooked,
    instance::Instance,
    keeper::Keeper,
    lock,
    logs::Logs,
    queue::{Pushed, WebhookItem},
    recorder::Recorder,
    shared::{List, Shared},
    slot::{Slot, Why},
    watch::{self, Watch},
    watchdog::{self, Leash},
};

/// All plugins of one daemon.
pub struct Host {
    shared: Arc<Shared>,
    leash: Arc<Leash>,
    logs: Arc<Logs>,
    keeper: Arc<Mutex<Keeper>>,
    watch: Mutex<Option<Watch>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Host {
    /// Makes a host without plugins.
    pub fn new(settings: Settings, events: Arc<dyn Events>) -> Arc<Host> {
        Host::with_limits(settings, Limits::default(), events)
    }

    /// Makes a host with other limits than the usual.
    pub fn with_limits(settings: Settings, limits: Limits, events: Arc<dyn Events>) -> Arc<Host> {
        let logs = Arc::new(Logs::default());
        let events = Arc::new(Recorder { listener: events, logs: Arc::clone(&logs), now_ms: settings.now_ms });
        let shared = Arc::new(Shared {
            sections: RwLock::new(settings.plugins.clone()),
            settings,
            limits,
            events,
            list: RwLock::new(List::default()),
            sockets: RwLock::new(HashMap::new()),
            clock: Instant::now(),
        });
        let leash = Arc::new(Leash::default());
        if let Err(error) = watchdog::spawn(Arc::clone(&shared), Arc::clone(&leash)) {
            tracing::error!(%error, "failed to begin the thread that watches plugins; hangs will not be noticed");
        }
        let keeper = Arc::new(Mutex::new(Keeper::new(Arc::clone(&shared), Arc::clone(&logs))));
        Arc::new(Host { shared, leash, logs, keeper, watch: Mutex::default() })
    }

    /// Brings what runs in step with what lies in the plugin folder, once: new files go through the load pipeline, by
    /// name; changed ones take the place of what runs; what is gone is stopped. Blocks until each plugin runs or has
    /// failed. What is as it was is left alone.
    pub fn load_all(&self) {
        self.shared.open();
        lock(&self.keeper).scan();
    }

    /// As [`load_all`](Self::load_all), and then follows the folder until [`stop_all`](Self::stop_all). Where the system
    /// does not tell of changes, the folder is looked at now and then. Fails when no thread can be begun.
    pub fn watch(self: &Arc<Self>) -> io::Result<()> {
        let mut watch = lock(&self.watch);
        if watch.is_none() {
            self.shared.open();
            *watch = Some(watch::begin(&self.keeper, &self.shared.settings.plugins_dir, &self.shared.limits)?);
        }
        Ok(())
    }

    /// Takes other sections of plugins. They count from the next time on that a plugin is loaded.
    pub fn configure(&self, sections: BTreeMap<String, PluginSettings>) {
        *self.shared.sections.write().unwrap_or_else(PoisonError::into_inner) = sections;
    }

    /// Does what a person asks for, and returns the plugin that it was about, as it is then. Blocks until that is done,
    /// and until a change of the folder that is being looked at is done.
    ///
    /// What stands in the way of running (a file nobody trusts, an error at the start) is in the status that is
    /// returned; an error means that nothing was changed.
    pub fn operate(&self, operation: Operation) -> Result<Vec<Status>, OperationError> {
        lock(&self.keeper).operate(&operation)
    }

    /// Returns the newest log records of a plugin, the oldest of them first; nothing when there is no such plugin.
    pub fn logs(&self, name: &str, limit: usize) -> Option<Vec<LogRecord>> {
        let slots = self.shared.slots();
        let is_it = |status: &Status| status.name == name || status.file == name;
        let found = slots.iter().find(|slot| is_it(&slot.status()))?;
        Some(self.logs.newest(&found.name(), limit))
    }

    /// Stops every plugin; blocks until each has stopped, at most a little longer than the limit.
    pub fn stop_all(&self) {
        if let Some(watch) = lock(&self.watch).take() {
            watch.end();
        }
        let slots = self.shared.close();
        for slot in &slots {
            slot.stop(Why::End);
        }
        // The watchdog ends each well before this; it is for the case that there is none.
        let until = Instant::now() + self.shared.settings.stop_limit + Duration::from_secs(2);
        for slot in slots {
            slot.wait(Some(until), State::is_final);
        }
    }

    /// Returns how each plugin is, by file.
    pub fn status(&self) -> Vec<Status> {
        let mut status: Vec<Status> = self.shared.slots().iter().map(|slot| slot.status()).collect();
        status.sort_by(|a, b| a.file.cmp(&b.file));
        status
    }

    /// Returns the socket paths of the running plugins, with the plugin's name.
    pub fn sockets(&self) -> Vec<(String, String)> {
        let slots = self.shared.slots();
        let running = slots.iter().filter(|slot| slot.status().state == State::Running);
        running.flat_map(|slot| slot.sockets().into_iter().map(|path| (path, slot.name()))).collect()
    }

    /// Returns the plugin that has mounted a path, and whether it takes sockets there now. It does not while it dies and
    /// is started again, or while another takes its place.
    pub fn mounted(&self, path: &str) -> Option<(String, bool)> {
        self.shared.find(|slot| {
            let is_between_lives = slot.is_between_lives();
            let is_there = is_between_lives || slot.status().state == State::Running;
            let takes_sockets = !is_between_lives && slot.sockets().iter().any(|mounted| mounted == path);
            let has_path = is_there && slot.paths().iter().any(|mounted| mounted == path);
            has_path.then(|| (slot.name(), takes_sockets))
        })
    }

    /// Takes messages for a plugin, and gives back those that it does not take. Deliveries are limited in number and
    /// bytes (then [`Events::writable`] follows), and a skip is given back together with an earlier delivery of its
    /// link; other kinds are taken for as long as the instance lives. Each message that is taken is answered by exactly
    /// one [`Events::completed`].
    pub fn deliver(&self, plugin: &str, messages: Vec<Outbound>) -> Vec<Outbound> {
        match self.instance(plugin) {
            Some(instance) => instance.queue.push(messages),
            None => messages,
        }
    }

    /// Says that messages of a plugin are taken again, after [`Events::inbound`] has taken fewer than all.
    pub fn resume(&self, plugin: &str) {
        if let Some(instance) = self.instance(plugin) {
            instance.queue.resume();
        }
    }

    /// Gives a plugin a socket; false when it does not run. `opened_json` is `{"path":…,"principal":{…}}`.
    pub fn socket_opened(&self, plugin: &str, socket: u64, opened_json: Bytes, sink: Arc<dyn Socket>) -> bool {
        let Some(slot) = self.slot(plugin).filter(|slot| slot.status().state == State::Running) else { return false };
        let Some(instance) = slot.instance_of(plugin) else { return false };
        let hold = |holder: Arc<Instance>| {
            self.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).insert(socket, holder);
        };
        hold(Arc::clone(&instance));
        let taken = instance.open_socket(socket, opened_json, sink);
        if !taken {
            self.forget(socket);
        }
        taken
    }

    /// Gives a plugin frames of a socket, text or binary; false when the socket or the plugin is gone. A socket that
    /// sends faster than the plugin reads is closed.
    pub fn socket_frames(&self, socket: u64, frames: Vec<(bool, Bytes)>) -> bool {
        let Some(instance) = self.holder(socket) else { return false };
        match instance.queue.socket_frames(socket, frames) {
            Pushed::Taken => true,
            Pushed::Gone => false,
            Pushed::TooMuch => {
                let sink = instance.socket(socket);
                self.socket_closed(socket, Some(1013));
                if let Some(sink) = sink {
                    sink.close(1013, "frames come faster than they are read");
                }
                false
            }
        }
    }

    /// Tells a plugin that a socket is gone.
    pub fn socket_closed(&self, socket: u64, code: Option<u16>) {
        if let Some(instance) = self.forget(socket) {
            let closed = code.map_or_else(|| "{}".to_owned(), |code| format!("{{\"code\":{code}}}"));
            instance.close_socket(socket, Bytes::from(closed));
        }
    }

    /// Returns the webhook paths of the running plugins, with the plugin's name.
    pub fn webhooks(&self) -> Vec<(String, String)> {
        let slots = self.shared.slots();
        let running = slots.iter().filter(|slot| slot.status().state == State::Running);
        running.flat_map(|slot| slot.webhooks().into_iter().map(|path| (path, slot.name()))).collect()
    }

    /// Counts the webhook requests that wait for an answer.
    pub fn webhooks_waiting(&self) -> usize {
        self.shared.slots().iter().filter_map(|slot| slot.instance()).map(|instance| instance.webhooks.count()).sum()
    }

    /// Hands a request to a plugin that has mounted its path. `told` is called once with what became of it, on any
    /// thread, unless the request is forgotten before.
    pub fn webhook(
        &self,
        plugin: &str,
        request: Webhook,
        told: impl FnOnce(Webhooked) + Send + 'static,
    ) -> Result<Ticket, NotTaken> {
        let instance = self.instance(plugin).ok_or(NotTaken::Nobody)?;
        let id = instance.webhooks.open(Box::new(told))?;
        let ticket = Ticket { instance, id };
        // When it is dropped here, nobody is told: the caller knows.
        if ticket.instance.queue.webhook(WebhookItem { id, request }) { Ok(ticket) } else { Err(NotTaken::Nobody) }
    }

    fn slot(&self, plugin: &str) -> Option<Arc<Slot>> {
        self.shared.find(|slot| slot.instance_of(plugin).map(|_| Arc::clone(slot)))
    }

    fn instance(&self, plugin: &str) -> Option<Arc<Instance>> {
        self.shared.find(|slot| slot.instance_of(plugin))
    }

    fn holder(&self, socket: u64) -> Option<Arc<Instance>> {
        self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner).get(&socket).cloned()
    }

    fn forget(&self, socket: u64) -> Option<Arc<Instance>> {
        self.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).remove(&socket)
    }
}

/// A webhook request that waits for its answer. Dropped, it is forgotten: an answer that comes later has nobody to go to.
#[must_use = "dropping it forgets the request"]
pub struct Ticket {
    instance: Arc<Instance>,
    id: u64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.instance.webhooks.forget(self.id);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop_all();
        self.leash.end();
    }
}
