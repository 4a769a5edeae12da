//! Stands between the plugins and whoever listens, and keeps what they log and what became of them.

use std::sync::Arc;

use tieline_plugin_sdk::Kind;

use crate::{Denied, Events, Inbound, Metric, State, Status, logs::Logs};

/// Passes everything on.
pub(crate) struct Recorder {
    pub listener: Arc<dyn Events>,
    pub logs: Arc<Logs>,
    pub now_ms: fn() -> i64,
}

impl Events for Recorder {
    fn inbound(&self, plugin: &str, messages: &[Inbound<'_>]) -> usize {
        self.listener.inbound(plugin, messages)
    }

    fn completed(&self, plugin: &str, link: u64, kind: Kind, corr: u64, ok: bool, detail: &str) {
        self.listener.completed(plugin, link, kind, corr, ok, detail);
    }

    fn writable(&self, plugin: &str) {
        self.listener.writable(plugin);
    }

    fn instance_lost(&self, plugin: &str) {
        self.listener.instance_lost(plugin);
    }

    fn changed(&self, status: &Status) {
        let level = match status.state {
            State::Starting | State::Running | State::Stopped | State::Disabled => tracing::Level::INFO,
            State::Waiting | State::Failed | State::Restarting | State::Quarantined => tracing::Level::WARN,
        };
        let message = format!("the plugin is {}", status.state.as_str());
        let mut fields = serde_json::json!({ "message": message });
        let known = [("version", &status.version), ("reason", &status.reason)];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        for (name, value) in known.chain(status.step.map(|step| ("step", step.as_str()))) {
            fields[name] = value.into();
        }
        self.logs.add(&status.name, (self.now_ms)(), level, "tieline", &fields.to_string());
        self.listener.changed(status);
    }

    fn kv_get(&self, plugin: &str, key: &str) -> Result<Vec<u8>, Denied> {
        self.listener.kv_get(plugin, key)
    }

    fn kv_put(&self, plugin: &str, key: &str, value: &[u8]) -> Result<(), Denied> {
        self.listener.kv_put(plugin, key, value)
    }

    fn kv_delete(&self, plugin: &str, key: &str) -> Result<(), Denied> {
        self.listener.kv_delete(plugin, key)
    }

    fn kv_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, Denied> {
        self.listener.kv_keys(plugin, prefix)
    }

    fn secret(&self, plugin: &str, name: &str) -> Result<Vec<u8>, Denied> {
        self.listener.secret(plugin, name)
    }

    fn metric(&self, plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        self.listener.metric(plugin, metric)
    }

    fn principal(&self, plugin: &str, link: u64) -> Result<Vec<u8>, Denied> {
        self.listener.principal(plugin, link)
    }

    fn plugin_log(&self, plugin: &str, level: tracing::Level, target: &str, json: &str) {
        self.logs.add(plugin, (self.now_ms)(), level, target, json);
        self.listener.plugin_log(plugin, level, target, json);
    }
}
