//! The services of the mock host, in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::c_void,
};

use super::mock::{Mock, Seen, text};
use crate::{
    abi::{self, Bytes, HostApi},
    limits,
};

/// What the services keep.
#[derive(Debug, Default)]
pub(crate) struct Services {
    /// The key-value space.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// The secrets that the operator has laid down.
    pub secrets: BTreeMap<String, String>,
    /// The timers that are set, with their milliseconds.
    pub timers: BTreeMap<u64, u64>,
    /// The series of metrics.
    pub series: BTreeSet<(u8, String, BTreeMap<String, String>)>,
    /// The sockets with somebody behind them.
    pub open: BTreeSet<u64>,
    /// The webhook requests that were sent, and the statuses that they were answered with.
    pub webhooks: BTreeMap<u64, Vec<u16>>,
    /// What every service answers, when it does not work.
    pub broken: Option<i32>,
}

/// The JSON of whoever opens a socket or sends a webhook.
pub(crate) const PRINCIPAL: &str = r#"{"id":"prn_check","name":"check","kind":"agent","scopes":[]}"#;

/// Puts the services into the functions of a host.
pub(crate) fn offer(api: &mut HostApi) {
    api.kv_get = Some(kv_get);
    api.kv_put = Some(kv_put);
    api.kv_delete = Some(kv_delete);
    api.kv_keys = Some(kv_keys);
    api.secret = Some(secret);
    api.timer = Some(timer);
    api.metric = Some(metric);
    api.principal = Some(principal);
    api.webhook_reply = Some(webhook_reply);
}

/// Puts functions into the place of the services that tell of every call: a host of 1.0 has nothing there.
pub(crate) fn withhold(api: &mut HostApi) {
    api.size = HostApi::SIZE_1_0 as u32;
    api.abi_minor = 0;
    api.kv_get = Some(absent::kv_get);
    api.kv_put = Some(absent::kv_put);
    api.kv_delete = Some(absent::kv_delete);
    api.kv_keys = Some(absent::kv_keys);
    api.secret = Some(absent::secret);
    api.timer = Some(absent::timer);
    api.metric = Some(absent::metric);
    api.principal = Some(absent::principal);
    api.webhook_reply = Some(absent::webhook_reply);
}

/// Runs a service, unless it is broken. Notes an answer of INVALID: a plugin should know what it asks for.
fn serve(ctx: *const c_void, f: impl FnOnce(&mut Seen) -> Result<isize, i32>) -> isize {
    let mut answer = 0;
    let status = Mock::record(ctx, |seen| match seen.services.broken {
        Some(status) => status,
        None => match f(seen) {
            Ok(length) => {
                answer = length;
                abi::OK
            }
            Err(status) => status,
        },
    });
    if status == abi::OK { answer } else { -(status as isize) }
}

fn status(answer: isize) -> i32 {
    i32::try_from(answer.unsigned_abs()).unwrap_or(abi::INVALID)
}

/// Copies a value when it fits.
fn give(value: &[u8], buf: *mut u8, cap: usize) -> isize {
    if value.len() <= cap && !buf.is_null() {
        // SAFETY: the plugin lends a buffer with room for `cap` bytes for the call.
        unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), buf, value.len()) };
    }
    value.len().cast_signed()
}

fn checked<'a, T>(
    seen: &mut Seen,
    what: &str,
    bytes: Bytes,
    read: impl FnOnce(&'a [u8]) -> Option<T>,
) -> Result<T, i32> {
    // SAFETY: the plugin lends the bytes for the call.
    unsafe { bytes.as_slice() }.and_then(read).ok_or_else(|| {
        seen.wrong.push(format!("{what} makes no sense"));
        abi::INVALID
    })
}

unsafe extern "C" fn kv_get(ctx: *const c_void, key: Bytes, buf: *mut u8, cap: usize) -> isize {
    serve(ctx, |seen| {
        let key = checked(seen, "the key of `kv_get`", key, limits::key)?;
        seen.services.kv.get(key).map(|value| give(value, buf, cap)).ok_or(abi::NOT_FOUND)
    })
}

unsafe extern "C" fn kv_put(ctx: *const c_void, key: Bytes, value: Bytes) -> i32 {
    status(serve(ctx, |seen| {
        let key = checked(seen, "the key of `kv_put`", key, limits::key)?;
        let value = checked(seen, "the value of `kv_put`", value, Some)?;
        let kv = &mut seen.services.kv;
        let others = kv.iter().filter(|(known, _)| known.as_str() != key);
        let (keys, bytes) = others.fold((0, 0), |(n, bytes), (key, value)| (n + 1, bytes + key.len() + value.len()));
        let all = bytes + key.len() + value.len();
        if value.len() > limits::VALUE_BYTES || keys >= limits::KEYS || all > limits::SPACE_BYTES {
            return Err(abi::TOO_LARGE);
        }
        kv.insert(key.to_owned(), value.to_vec());
        Ok(0)
    }))
}

unsafe extern "C" fn kv_delete(ctx: *const c_void, key: Bytes) -> i32 {
    status(serve(ctx, |seen| {
        let key = checked(seen, "the key of `kv_delete`", key, limits::key)?;
        seen.services.kv.remove(key).map(|_| 0).ok_or(abi::NOT_FOUND)
    }))
}

unsafe extern "C" fn kv_keys(ctx: *const c_void, prefix: Bytes, buf: *mut u8, cap: usize) -> isize {
    serve(ctx, |seen| {
        let prefix = checked(seen, "the prefix of `kv_keys`", prefix, limits::key_prefix)?;
        let keys: Vec<&String> = seen.services.kv.keys().filter(|key| key.starts_with(prefix)).collect();
        Ok(give(serde_json::json!(keys).to_string().as_bytes(), buf, cap))
    })
}

unsafe extern "C" fn secret(ctx: *const c_void, name: Bytes, buf: *mut u8, cap: usize) -> isize {
    serve(ctx, |seen| {
        let name = checked(seen, "the name of `secret`", name, limits::secret_name)?;
        seen.services.secrets.get(name).map(|value| give(value.as_bytes(), buf, cap)).ok_or(abi::NOT_FOUND)
    })
}

unsafe extern "C" fn timer(ctx: *const c_void, id: u64, after_ms: u64) -> i32 {
    status(serve(ctx, |seen| {
        let timers = &mut seen.services.timers;
        if after_ms == abi::TIMER_CANCEL {
            timers.remove(&id);
        } else if timers.len() >= limits::TIMERS && !timers.contains_key(&id) {
            return Err(abi::TOO_LARGE);
        } else {
            timers.insert(id, after_ms);
        }
        Ok(0)
    }))
}

unsafe extern "C" fn metric(ctx: *const c_void, kind: u8, name: Bytes, value: f64, labels: Bytes) -> i32 {
    status(serve(ctx, |seen| {
        if ![abi::METRIC_COUNTER, abi::METRIC_GAUGE].contains(&kind) {
            seen.wrong.push(format!("`metric` was called with the kind {kind}; 1 and 2 exist"));
            return Err(abi::INVALID);
        }
        let name = checked(seen, "the name of `metric`", name, limits::metric_name)?.to_owned();
        let labels = checked(seen, "the labels of `metric`", labels, limits::labels)?;
        if !limits::metric_value(kind == abi::METRIC_COUNTER, value) {
            seen.wrong.push(format!("the metric `{name}` cannot take the value {value}"));
            return Err(abi::INVALID);
        }
        let series = &mut seen.services.series;
        if series.iter().any(|(other, known, _)| *known == name && *other != kind) {
            seen.wrong.push(format!("the metric `{name}` is a counter and a gauge"));
            return Err(abi::INVALID);
        }
        let one = (kind, name, labels);
        if series.len() >= limits::METRIC_SERIES && !series.contains(&one) {
            return Err(abi::TOO_LARGE);
        }
        series.insert(one);
        Ok(0)
    }))
}

unsafe extern "C" fn principal(ctx: *const c_void, link: u64, buf: *mut u8, cap: usize) -> isize {
    serve(ctx, |seen| match seen.services.open.contains(&link) {
        true => Ok(give(PRINCIPAL.as_bytes(), buf, cap)),
        false => Err(abi::NOT_FOUND),
    })
}

unsafe extern "C" fn webhook_reply(ctx: *const c_void, request: u64, code: u16, kind: Bytes, body: Bytes) -> i32 {
    status(serve(ctx, |seen| {
        text(seen, "the content type of `webhook_reply`", kind);
        let body = checked(seen, "the body of `webhook_reply`", body, Some)?;
        // An answer that cannot be passed on is one all the same: whoever waits is told of it.
        let answers = seen.services.webhooks.get_mut(&request).ok_or(abi::NOT_FOUND)?;
        answers.push(code);
        if answers.len() > 1 {
            return Err(abi::NOT_FOUND);
        }
        if !(200..=599).contains(&code) {
            seen.wrong.push(format!("a webhook was answered with the status {code}; 200 to 599 are wanted"));
            return Err(abi::INVALID);
        }
        if body.len() > limits::REPLY_BYTES {
            seen.wrong.push(format!("a webhook was answered with {} bytes", body.len()));
            return Err(abi::TOO_LARGE);
        }
        Ok(0)
    }))
}

/// What a plugin calls that has not looked at the host's `size`.
mod absent {
    use super::{Bytes, Mock, abi, c_void};

    macro_rules! absent {
        ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {$(
            pub(crate) unsafe extern "C" fn $name(ctx: *const c_void, $(_: $argument),*) -> $result {
                Mock::record(ctx, |seen| {
                    let what = concat!("`", stringify!($name), "` was called, which a host of version 1.0 does not have");
                    seen.wrong.push(format!("{what}: look at the host's `size`"));
                    abi::INVALID
                });
                -1
            }
        )*};
    }
    absent! {
        kv_get(Bytes, *mut u8, usize) -> isize;
        kv_put(Bytes, Bytes) -> i32;
        kv_delete(Bytes) -> i32;
        kv_keys(Bytes, *mut u8, usize) -> isize;
        secret(Bytes, *mut u8, usize) -> isize;
        timer(u64, u64) -> i32;
        metric(u8, Bytes, f64, Bytes) -> i32;
        principal(u64, *mut u8, usize) -> isize;
        webhook_reply(u64, u16, Bytes, Bytes) -> i32;
    }
}
