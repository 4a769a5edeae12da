//! What goes in and out of the host, and who is told.

use bytes::Bytes;
use tieline_plugin_sdk::Kind;

use crate::Status;

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

/// Is told what plugins do. Called on threads of plugins and of the host; must not block.
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
