//! What a plugin may ask of whoever runs it.

use crate::{Inbound, service::Services};

/// The functions of the contract behind their pointers, with arguments that were checked. Called on any thread of the
/// plugin; never blocks, except for what [`Services`] says.
pub(crate) trait Callbacks: Services + Send + Sync {
    /// Returns the name of the plugin, for the log.
    fn plugin(&self) -> &str;

    /// Takes messages, and returns how many.
    fn inbound(&self, messages: &[Inbound<'_>]) -> usize;

    /// A message was answered.
    fn complete(&self, token: u64, status: i32, detail: &str);

    /// The plugin has room again.
    fn writable(&self);

    /// The plugin logs; `json` is an object of fields.
    fn log(&self, level: u8, target: &str, json: &str);

    /// The plugin says what went wrong.
    fn fault(&self, reason: String);

    /// Sends a frame on a socket. Text is UTF-8.
    fn socket_send(&self, socket: u64, is_text: bool, data: &[u8]) -> i32;

    /// Closes a socket.
    fn socket_close(&self, socket: u64, code: u16, reason: &str) -> i32;
}
