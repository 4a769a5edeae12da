//! What the host does for a transport besides carrying messages: keeping values and secrets, waking, counting.
#![allow(unsafe_code)]

use std::{fmt, time::Duration};

use crate::{
    Host,
    abi::{self, Bytes},
};

/// How large a value is read without asking for its length first.
const FIRST_READ: usize = 4096;
/// How often a value may grow between asking for its length and reading it.
const READS: usize = 8;
/// More than any host gives.
const MOST: usize = 64 << 20;

/// Why the host did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// The host is of an earlier version and cannot.
    NotOffered,
    /// A key, name or number makes no sense; the documentation of the function says what is wanted.
    Invalid,
    /// There is no such thing, or no longer.
    NotFound,
    /// Larger, or more of it, than the host allows.
    TooLarge,
    /// The instance was stopped.
    Closed,
    /// The host could not; its log says why.
    Failed,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceError::NotOffered => "the daemon is of an earlier version and does not offer this",
            ServiceError::Invalid => "a key, name or number makes no sense",
            ServiceError::NotFound => "there is no such thing, or no longer",
            ServiceError::TooLarge => "larger, or more of it, than the daemon allows",
            ServiceError::Closed => "the instance was stopped",
            ServiceError::Failed => "the daemon could not do it; its log says why",
        })
    }
}

impl std::error::Error for ServiceError {}

impl ServiceError {
    fn of(status: i32) -> Self {
        match status {
            abi::NOT_FOUND => ServiceError::NotFound,
            abi::TOO_LARGE => ServiceError::TooLarge,
            abi::CLOSED => ServiceError::Closed,
            abi::FAILED | abi::PANIC => ServiceError::Failed,
            _ => ServiceError::Invalid,
        }
    }
}

/// A number of the transport's own choice, by which it knows a timer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// A secret. Not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns it. Pass it on to whom it is for, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

/// The services of the host. A key of the key-value space has 1 to 256 bytes of text and a value at most 64 KiB; there are at
/// most 1024 keys, and 4 MiB in all.
impl Host {
    /// Reads a value of the transport's own key-value space, which outlives the daemon. May wait for the disk: call it
    /// from a thread of your own, or in `start`.
    pub fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        let get = self.functions().kv_get.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the key and the buffer live for the call.
        read(|buf, cap| unsafe { get(self.functions().ctx, bytes(key), buf, cap) })
    }

    /// Stores a value: once this returns, it is on the disk. May wait for the disk: call it from a thread of your own,
    /// or in `start`.
    pub fn kv_put(&self, key: &str, value: &[u8]) -> Result<(), ServiceError> {
        let put = self.functions().kv_put.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the key and the value live for the call.
        done(unsafe { put(self.functions().ctx, bytes(key), Bytes::of(value)) })
    }

    /// Removes a value, and tells whether there was one. May wait for the disk: call it from a thread of your own, or
    /// in `start`.
    pub fn kv_delete(&self, key: &str) -> Result<bool, ServiceError> {
        let delete = self.functions().kv_delete.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the key lives for the call.
        match unsafe { delete(self.functions().ctx, bytes(key)) } {
            abi::NOT_FOUND => Ok(false),
            status => done(status).map(|()| true),
        }
    }

    /// Lists the keys that begin with `prefix`, sorted. May wait for the disk: call it from a thread of your own, or in
    /// `start`.
    pub fn kv_keys(&self, prefix: &str) -> Result<Vec<String>, ServiceError> {
        let keys = self.functions().kv_keys.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the prefix and the buffer live for the call.
        let json = read(|buf, cap| unsafe { keys(self.functions().ctx, bytes(prefix), buf, cap) })?;
        serde_json::from_slice(&json.unwrap_or_else(|| b"[]".to_vec())).map_err(|_| ServiceError::Failed)
    }

    /// Reads a secret that the operator has laid down for this transport: in the file `secrets/<plugin>/<name>` of the
    /// configuration folder, or in the environment of the daemon. A name has 1 to 64 lower-case letters, digits, `-` and
    /// `_`. May wait for the disk: call it from a thread of your own, or in `start`.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, ServiceError> {
        let secret = self.functions().secret.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the name and the buffer live for the call.
        let found = read(|buf, cap| unsafe { secret(self.functions().ctx, bytes(name), buf, cap) })?;
        found.map(|bytes| String::from_utf8(bytes).map(Secret).map_err(|_| ServiceError::Failed)).transpose()
    }

    /// Has [`Transport::timer`](crate::Transport::timer) called once, after this time at the earliest. The same id again
    /// replaces it. An instance may have 1024 timers; they end with it.
    pub fn timer(&self, id: TimerId, after: Duration) -> Result<(), ServiceError> {
        let ms = after.as_nanos().div_ceil(1_000_000);
        self.set_timer(id, u64::try_from(ms).unwrap_or(abi::TIMER_CANCEL - 1).min(abi::TIMER_CANCEL - 1))
    }

    /// Cancels a timer; without one nothing happens. A call that has begun already still comes.
    pub fn cancel_timer(&self, id: TimerId) -> Result<(), ServiceError> {
        self.set_timer(id, abi::TIMER_CANCEL)
    }

    fn set_timer(&self, id: TimerId, after_ms: u64) -> Result<(), ServiceError> {
        let timer = self.functions().timer.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the host's own ctx.
        done(unsafe { timer(self.functions().ctx, id.0, after_ms) })
    }

    /// Adds to a counter, which the daemon shows as `tieline_plugin_<name>{plugin="…"}` on its page of metrics. A name
    /// has lower-case letters, digits and `_`; a counter never falls, so the value is not negative. A plugin may have 256
    /// series, that is, names with different labels.
    pub fn counter_add(&self, name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), ServiceError> {
        self.metric(abi::METRIC_COUNTER, name, value, labels)
    }

    /// Sets a gauge; else as [`counter_add`](Self::counter_add).
    pub fn gauge_set(&self, name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), ServiceError> {
        self.metric(abi::METRIC_GAUGE, name, value, labels)
    }

    fn metric(&self, kind: u8, name: &str, value: f64, labels: &[(&str, &str)]) -> Result<(), ServiceError> {
        let metric = self.functions().metric.ok_or(ServiceError::NotOffered)?;
        let labels: serde_json::Map<String, serde_json::Value> =
            labels.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        let labels = serde_json::Value::Object(labels).to_string();
        // SAFETY: the name and the labels live for the call.
        done(unsafe { metric(self.functions().ctx, kind, bytes(name), value, bytes(&labels)) })
    }

    /// Tells who is behind a link of this instance, as the daemon's JSON: `id`, `kind`, `name`, `scopes`, and more.
    pub fn principal(&self, link: u64) -> Result<Option<serde_json::Value>, ServiceError> {
        let principal = self.functions().principal.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the buffer lives for the call.
        let json = read(|buf, cap| unsafe { principal(self.functions().ctx, link, buf, cap) })?;
        json.map(|json| serde_json::from_slice(&json).map_err(|_| ServiceError::Failed)).transpose()
    }

    pub(crate) fn webhook_reply(&self, request: u64, status: u16, kind: &str, body: &[u8]) -> Result<(), ServiceError> {
        let reply = self.functions().webhook_reply.ok_or(ServiceError::NotOffered)?;
        // SAFETY: the content type and the body live for the call.
        done(unsafe { reply(self.functions().ctx, request, status, bytes(kind), Bytes::of(body)) })
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::of(text.as_bytes())
}

fn done(status: i32) -> Result<(), ServiceError> {
    if status == abi::OK { Ok(()) } else { Err(ServiceError::of(status)) }
}

/// Reads a value of unknown length; nothing when there is none.
fn read(call: impl Fn(*mut u8, usize) -> isize) -> Result<Option<Vec<u8>>, ServiceError> {
    let mut buf = vec![0; FIRST_READ];
    for _ in 0..READS {
        let answer = call(buf.as_mut_ptr(), buf.len());
        let Ok(length) = usize::try_from(answer) else {
            return match i32::try_from(answer.unsigned_abs()) {
                Ok(abi::NOT_FOUND) => Ok(None),
                Ok(status) => Err(ServiceError::of(status)),
                Err(_) => Err(ServiceError::Failed),
            };
        };
        if length <= buf.len() {
            buf.truncate(length);
            return Ok(Some(buf));
        }
        if length > MOST {
            break;
        }
        buf = vec![0; length];
    }
    Err(ServiceError::Failed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Gives a value of this length, as a host does.
    fn give(length: usize, buf: *mut u8, cap: usize) -> isize {
        if length <= cap {
            // SAFETY: the caller's buffer has room for `cap` bytes.
            unsafe { buf.write_bytes(b'x', length) };
        }
        length.cast_signed()
    }

    #[test]
    fn a_value_of_any_length_is_read_also_when_it_grows_meanwhile() {
        for length in [0, 1, FIRST_READ, FIRST_READ + 1, 100_000] {
            assert_eq!(read(|buf, cap| give(length, buf, cap)).unwrap().unwrap(), vec![b'x'; length]);
        }
        let length = Cell::new(5000);
        let grows = |buf, cap| give(length.replace(length.get() + 1000), buf, cap);
        assert_eq!(read(grows), Err(ServiceError::Failed));
        let length = Cell::new(5000);
        let grows_once = |buf, cap| give(length.replace(6000), buf, cap);
        assert_eq!(read(grows_once).unwrap().unwrap().len(), 6000);
    }

    #[test]
    fn a_negative_length_is_a_status() {
        assert_eq!(read(|_, _| -6), Ok(None));
        assert_eq!(read(|_, _| -7), Err(ServiceError::TooLarge));
        assert_eq!(read(|_, _| -2), Err(ServiceError::Closed));
        assert_eq!(read(|_, _| isize::MIN), Err(ServiceError::Failed));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("canary".to_owned())), "Secret(not shown)");
    }
}
