//! What an instance may ask of the host besides passing messages: checked here, done by whoever listens.

use tieline_plugin_sdk::{abi, limits};

use crate::{Metric, instance::Instance};

/// Links that a plugin opened by itself carry this bit.
const OWN_LINK: u64 = 1 << 63;

/// Why a service was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no such thing.
    NotFound,
    /// A key, name or number makes no sense.
    Invalid,
    /// Larger, or more of it, than is allowed.
    TooLarge,
    /// The instance is gone.
    Closed,
    /// It did not work; the log says why.
    Failed,
}

impl Denied {
    /// Returns the status that a plugin is answered with.
    pub fn status(self) -> i32 {
        match self {
            Denied::NotFound => abi::NOT_FOUND,
            Denied::Invalid => abi::INVALID,
            Denied::TooLarge => abi::TOO_LARGE,
            Denied::Closed => abi::CLOSED,
            Denied::Failed => abi::FAILED,
        }
    }

    /// Reads a status back.
    pub(crate) fn of(status: i32) -> Denied {
        let all = [Denied::NotFound, Denied::Invalid, Denied::TooLarge, Denied::Closed];
        all.into_iter().find(|denied| denied.status() == status).unwrap_or(Denied::Failed)
    }
}

/// The services that a plugin may use. Keys, names and values are as the plugin passed them.
pub(crate) trait Services {
    /// Reads a value of the plugin's key-value space. May wait for the disk.
    fn kv_get(&self, key: &[u8]) -> Result<Vec<u8>, Denied>;

    /// Stores a value, durably. Waits for the disk.
    fn kv_put(&self, key: &[u8], value: &[u8]) -> Result<(), Denied>;

    /// Removes a value, durably. Waits for the disk.
    fn kv_delete(&self, key: &[u8]) -> Result<(), Denied>;

    /// Lists the keys with this prefix, as JSON. May wait for the disk.
    fn kv_keys(&self, prefix: &[u8]) -> Result<Vec<u8>, Denied>;

    /// Reads a secret. May wait for the disk.
    fn secret(&self, name: &[u8]) -> Result<Vec<u8>, Denied>;

    /// Sets or cancels a timer.
    fn timer(&self, id: u64, after_ms: u64) -> Result<(), Denied>;

    /// Adds to a counter or sets a gauge.
    fn metric(&self, kind: u8, name: &[u8], value: f64, labels: &[u8]) -> Result<(), Denied>;

    /// Tells who is behind a link of this instance, as JSON.
    fn principal(&self, link: u64) -> Result<Vec<u8>, Denied>;

    /// Answers a webhook request.
    fn webhook_reply(&self, request: u64, status: u16, kind: &[u8], body: &[u8]) -> Result<(), Denied>;
}

impl Services for Instance {
    fn kv_get(&self, key: &[u8]) -> Result<Vec<u8>, Denied> {
        self.events.kv_get(&self.plugin, limits::key(key).ok_or(Denied::Invalid)?)
    }

    fn kv_put(&self, key: &[u8], value: &[u8]) -> Result<(), Denied> {
        let key = limits::key(key).ok_or(Denied::Invalid)?;
        if value.len() > limits::VALUE_BYTES {
            return Err(Denied::TooLarge);
        }
        self.events.kv_put(&self.plugin, key, value)
    }

    fn kv_delete(&self, key: &[u8]) -> Result<(), Denied> {
        self.events.kv_delete(&self.plugin, limits::key(key).ok_or(Denied::Invalid)?)
    }

    fn kv_keys(&self, prefix: &[u8]) -> Result<Vec<u8>, Denied> {
        let keys = self.events.kv_keys(&self.plugin, limits::key_prefix(prefix).ok_or(Denied::Invalid)?)?;
        serde_json::to_vec(&keys).map_err(|_| Denied::Failed)
    }

    fn secret(&self, name: &[u8]) -> Result<Vec<u8>, Denied> {
        self.events.secret(&self.plugin, limits::secret_name(name).ok_or(Denied::Invalid)?)
    }

    fn timer(&self, id: u64, after_ms: u64) -> Result<(), Denied> {
        self.queue.timer(id, after_ms)
    }

    fn metric(&self, kind: u8, name: &[u8], value: f64, labels: &[u8]) -> Result<(), Denied> {
        self.events.metric(&self.plugin, Metric::read(kind, name, value, labels)?)
    }

    fn principal(&self, link: u64) -> Result<Vec<u8>, Denied> {
        if link & OWN_LINK == 0 && self.socket(link).is_none() {
            return Err(Denied::NotFound);
        }
        self.events.principal(&self.plugin, link)
    }

    fn webhook_reply(&self, request: u64, status: u16, kind: &[u8], body: &[u8]) -> Result<(), Denied> {
        self.webhooks.reply(request, status, kind, body)
    }
}
