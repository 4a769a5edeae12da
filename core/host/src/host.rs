//! The door to all plugins.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    Events, Limits, LogRecord, Operation, OperationError, Outbound, Settings, Socket, State, Status, TrustFile,
    instance::Instance,
    lock,
    logs::Logs,
    pipeline,
    queue::Pushed,
    recorder::Recorder,
    slot::{Shared, Slot},
    watchdog::{self, Leash},
};

/// All plugins of one daemon.
pub struct Host {
    shared: Arc<Shared>,
    leash: Arc<Leash>,
    logs: Arc<Logs>,
    /// Held by whoever loads, so that one thing is done after the other.
    loading: Mutex<()>,
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
            settings,
            limits,
            events,
            slots: RwLock::default(),
            sockets: RwLock::new(HashMap::new()),
            clock: Instant::now(),
        });
        let leash = Arc::new(Leash::default());
        if let Err(error) = watchdog::spawn(Arc::clone(&shared), Arc::clone(&leash)) {
            tracing::error!(%error, "failed to begin the thread that watches plugins; hangs will not be noticed");
        }
        Arc::new(Host { shared, leash, logs, loading: Mutex::default() })
    }

    /// Takes each library of the plugin folder through the load pipeline, by name; blocks until each runs or has
    /// failed. What runs already is left alone.
    pub fn load_all(&self) {
        let _one_at_a_time = lock(&self.loading);
        let dir = &self.shared.settings.plugins_dir;
        match pipeline::files(dir) {
            Ok(files) => {
                for file in files {
                    pipeline::load(&self.shared, &file);
                }
            }
            Err(error) => {
                tracing::warn!(path = %dir.display(), %error, "failed to read the plugin folder; no plugin is loaded");
            }
        }
    }

    /// Loads what is in the plugin folder. Blocks until each plugin runs or has failed.
    pub fn watch(self: &Arc<Self>) -> std::io::Result<()> {
        self.load_all();
        Ok(())
    }

    /// Does what a person asks for, and returns the plugins that it was about. Blocks until it is done.
    pub fn operate(&self, operation: Operation) -> Result<Vec<Status>, OperationError> {
        let _one_at_a_time = lock(&self.loading);
        let settings = &self.shared.settings;
        let name = operation.name();
        let slots = self.shared.slots();
        let is_it = |status: &Status| status.name == name || status.file == name;
        let Some(slot) = slots.iter().find(|slot| is_it(&slot.status())) else {
            let candidates = slots.iter().map(|slot| slot.name()).collect();
            return Err(OperationError::Unknown { name: name.to_owned(), candidates });
        };
        let status = slot.status();
        let key = format!("plugins.{}.enabled", status.name);
        if settings.plugins.get(&status.name).is_some_and(|plugin| !plugin.enabled) {
            return Err(OperationError::ConfiguredOff { key });
        }
        let file = settings.plugins_dir.join(&status.file);
        let failed = |error: crate::TrustFileError| OperationError::NotNow { reason: error.to_string() };
        let switch = |is_disabled| {
            let mut record = TrustFile::load(&settings.trust_file)?;
            record.set_disabled(&status.name, is_disabled);
            record.save()
        };
        slot.stop();
        slot.wait(Some(Instant::now() + settings.stop_limit + Duration::from_secs(2)), State::is_final);
        match &operation {
            Operation::Reload { .. } => pipeline::load(&self.shared, &file),
            Operation::Disable { .. } => switch(true).map_err(failed)?,
            Operation::Enable { .. } => {
                switch(false).map_err(failed)?;
                pipeline::load(&self.shared, &file);
            }
            Operation::Trust { .. } => {
                TrustFile::trust(&settings.trust_file, &file, "human", (settings.now_ms)()).map_err(failed)?;
                pipeline::load(&self.shared, &file);
            }
        }
        Ok(self.status().into_iter().filter(|now| now.file == status.file).collect())
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
        let slots = self.shared.slots();
        for slot in &slots {
            slot.stop();
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

    fn slot(&self, plugin: &str) -> Option<Arc<Slot>> {
        let slots = self.shared.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().find(|slot| slot.instance_of(plugin).is_some()).cloned()
    }

    fn instance(&self, plugin: &str) -> Option<Arc<Instance>> {
        let slots = self.shared.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.iter().find_map(|slot| slot.instance_of(plugin))
    }

    fn holder(&self, socket: u64) -> Option<Arc<Instance>> {
        self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner).get(&socket).cloned()
    }

    fn forget(&self, socket: u64) -> Option<Arc<Instance>> {
        self.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).remove(&socket)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop_all();
        self.leash.end();
    }
}
