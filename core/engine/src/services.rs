//! What the engine does for plugins besides carrying messages.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tieline_host::{Denied, Metric};
use tieline_model::Principal;

use crate::{
    door::Door,
    job::Work,
    kv::{KvChange, KvJob},
    secrets::Secrets,
    shared::Shared,
};

/// The services of one engine.
#[derive(Debug)]
pub struct Services {
    door: Door,
    secrets: Secrets,
    /// What was said already, by plugin: a refusal is one line in the log, however often it is asked for.
    said: Mutex<HashSet<(String, &'static str)>>,
}

impl Services {
    /// Makes them.
    pub fn new(door: &Door, secrets: Secrets) -> Self {
        Self { door: door.clone(), secrets, said: Mutex::default() }
    }

    /// Reads a value of a plugin's key-value space. Waits for a connection that reads.
    pub fn kv_get(&self, plugin: &str, key: &str) -> Result<Vec<u8>, Denied> {
        match self.shared().readers.take().kv_get(plugin, key) {
            Ok(value) => value.ok_or(Denied::NotFound),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Lists the keys with a prefix. Waits for a connection that reads.
    pub fn kv_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, Denied> {
        self.shared().readers.take().kv_keys(plugin, prefix).map_err(|error| self.fault(&error))
    }

    /// Stores or removes a value, and waits until that is durable.
    pub fn kv_change(&self, plugin: &str, change: KvChange) -> Result<(), Denied> {
        let (job, answer) = KvJob::new(plugin, change);
        if !self.door.submit(Work::Kv(Box::new(job))) {
            self.say(plugin, "kv", "the store takes nothing at the moment");
            return Err(Denied::Failed);
        }
        // Without an answer the daemon is stopping, or lost it: what was stored is not known.
        let (result, reason) = answer.recv().unwrap_or((Err(Denied::Failed), None));
        if let Some(reason) = reason {
            self.say(plugin, "kv", &format!("its key-value space takes nothing more: {reason}"));
        }
        result
    }

    /// Reads a secret.
    pub fn secret(&self, plugin: &str, name: &str) -> Result<Vec<u8>, Denied> {
        self.secrets
            .read(plugin, name)
            .map_err(|refused| {
                self.say(plugin, "secret", &format!("the secret `{name}` is not given to it: {refused}"));
                Denied::Failed
            })?
            .ok_or(Denied::NotFound)
    }

    /// Changes a metric.
    pub fn metric(&self, plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        let name = metric.name.to_owned();
        let changed = self.shared().metrics.plugins.change(plugin, metric);
        match changed {
            Err(Denied::Invalid) => {
                self.say(plugin, "kind", &format!("its metric `{name}` is a counter here and a gauge there"));
            }
            Err(Denied::TooLarge) => {
                self.say(plugin, "series", &format!("its metric `{name}` would be one series more than is allowed"));
            }
            _ => {}
        }
        changed
    }

    /// Writes who somebody is.
    pub fn principal(&self, principal: Option<Arc<Principal>>) -> Result<Vec<u8>, Denied> {
        let principal = principal.ok_or(Denied::NotFound)?;
        serde_json::to_vec(&*principal).map_err(|error| self.fault(&error))
    }

    /// What was said of an instance may be said again of the next one.
    pub fn forget(&self, plugin: &str) {
        self.said().retain(|(of, _)| of != plugin);
    }

    fn shared(&self) -> &Shared {
        self.door.shared()
    }

    fn fault(&self, error: &dyn std::fmt::Display) -> Denied {
        self.shared().fault(error);
        Denied::Failed
    }

    fn say(&self, plugin: &str, about: &'static str, what: &str) {
        if self.said().insert((plugin.to_owned(), about)) {
            tracing::warn!(plugin.name = plugin, "plugin `{plugin}`: {what}");
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, HashSet<(String, &'static str)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
