//! What goes in and out of the host, and who is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use tieline_plugin_sdk::{Kind, abi, limits};

use crate::{Denied, Status};

/// A message for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The link it is for.
    pub link: u64,
    /// What it is.
    pub kind: Kind,
    /// Joins an outcome to its command.
    pub corr: u64,
    /// JSON.
    pub payload: Bytes,
}

/// A message from a plugin, borrowed for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound<'a> {
    /// The link it came from.
    pub link: u64,
    /// What it is.
    pub kind: Kind,
    /// Joins an outcome to its command; 0 = no answer wanted.
    pub corr: u64,
    /// JSON, unread.
    pub payload: &'a [u8],
}

/// A change of a metric, its names and values within their limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric<'a> {
    /// Added to, or set.
    pub is_counter: bool,
    /// Its name.
    pub name: &'a str,
    /// By how much, or to what.
    pub value: f64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl<'a> Metric<'a> {
    /// Checks what a plugin has passed.
    pub(crate) fn read(kind: u8, name: &'a [u8], value: f64, labels: &[u8]) -> Result<Self, Denied> {
        let is_counter = match kind {
            abi::METRIC_COUNTER => true,
            abi::METRIC_GAUGE => false,
            _ => return Err(Denied::Invalid),
        };
        if !limits::metric_value(is_counter, value) {
            return Err(Denied::Invalid);
        }
        let name = limits::metric_name(name).ok_or(Denied::Invalid)?;
        let labels = limits::labels(labels).ok_or(Denied::Invalid)?;
        Ok(Metric { is_counter, name, value, labels })
    }
}

/// Is told what plugins do, and does what they ask for. Called on threads of plugins and of the host; must not block,
/// except the `kv_…` functions and `secret`. Services that are not implemented fail.
pub trait Events: Send + Sync + 'static {
    /// Takes messages, and returns how many. With fewer than all the plugin keeps the rest until
    /// [`Host::resume`](crate::Host::resume).
    fn inbound(&self, plugin: &str, messages: &[Inbound<'_>]) -> usize;

    /// A message that [`Host::deliver`](crate::Host::deliver) took has gone out, or has not. Called exactly once for
    /// each that was taken.
    fn completed(&self, plugin: &str, link: u64, kind: Kind, corr: u64, ok: bool, detail: &str);

    /// There is room again, after deliveries were given back.
    fn writable(&self, plugin: &str);

    /// The instance is gone, and every link of it.
    fn instance_lost(&self, plugin: &str);

    /// The status of a plugin has changed.
    fn changed(&self, status: &Status);

    /// Reads a value of a plugin's key-value space. May wait for the disk.
    fn kv_get(&self, plugin: &str, key: &str) -> Result<Vec<u8>, Denied> {
        let _ = (plugin, key);
        Err(Denied::Failed)
    }

    /// Stores a value; it is durable when this returns. Waits for the disk.
    fn kv_put(&self, plugin: &str, key: &str, value: &[u8]) -> Result<(), Denied> {
        let _ = (plugin, key, value);
        Err(Denied::Failed)
    }

    /// Removes a value; it is gone for good when this returns. Waits for the disk.
    fn kv_delete(&self, plugin: &str, key: &str) -> Result<(), Denied> {
        let _ = (plugin, key);
        Err(Denied::Failed)
    }

    /// Lists the keys with a prefix, sorted. May wait for the disk.
    fn kv_keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, Denied> {
        let _ = (plugin, prefix);
        Err(Denied::Failed)
    }

    /// Reads a secret of a plugin. May wait for the disk.
    fn secret(&self, plugin: &str, name: &str) -> Result<Vec<u8>, Denied> {
        let _ = (plugin, name);
        Err(Denied::Failed)
    }

    /// Changes a metric of a plugin.
    fn metric(&self, plugin: &str, metric: Metric<'_>) -> Result<(), Denied> {
        let _ = (plugin, metric);
        Err(Denied::Failed)
    }

    /// Tells who is behind a link of a plugin, as JSON.
    fn principal(&self, plugin: &str, link: u64) -> Result<Vec<u8>, Denied> {
        let _ = (plugin, link);
        Err(Denied::Failed)
    }

    /// A plugin logs; `json` is an object of fields.
    fn plugin_log(&self, plugin: &str, level: tracing::Level, target: &str, json: &str) {
        macro_rules! emit {
            ($macro:ident) => {
                tracing::$macro!(plugin.name = plugin, plugin.target = target, plugin.fields = json, "plugin log")
            };
        }
        match level {
            tracing::Level::ERROR => emit!(error),
            tracing::Level::WARN => emit!(warn),
            tracing::Level::INFO => emit!(info),
            tracing::Level::DEBUG => emit!(debug),
            tracing::Level::TRACE => emit!(trace),
        }
    }
}

/// The way back to a socket that is held for a plugin. Must not block.
pub trait Socket: Send + Sync + 'static {
    /// Sends a frame; false when the socket is closed.
    fn send(&self, is_text: bool, data: Bytes) -> bool;

    /// Closes it.
    fn close(&self, code: u16, reason: &str);
}
