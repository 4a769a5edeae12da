//! A host that records what a plugin calls.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use super::services::{self, Services};
use crate::abi::{self, Bytes, HostApi, MsgView};

/// What a plugin did so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often each token was answered.
    pub completions: BTreeMap<u64, u32>,
    /// What it said through `fault`.
    pub faults: Vec<String>,
    /// What makes no sense in what it passed.
    pub wrong: Vec<String>,
    /// The sockets that it closed.
    pub closed: Vec<u64>,
    /// How often it said that it has room again.
    pub writable: u32,
    /// What it has handed over: kind, link and payload.
    pub inbound: Vec<(u16, u64, String)>,
    /// Whether `inbound` has no room.
    pub full: bool,
    pub services: Services,
}

/// One recording host; its address in the registry is the `ctx`.
pub(crate) struct Mock {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// Which version of the contract the host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// The one of this crate.
    Own,
    /// 1.0.
    First,
}

static MOCKS: RwLock<Vec<Arc<Mock>>> = RwLock::new(Vec::new());

impl Mock {
    /// Makes a host whose functions live until the process ends.
    pub(crate) fn new(version: Version, services: Services) -> (Arc<Mock>, &'static HostApi) {
        let seen = Seen { services, ..Seen::default() };
        let mock = Arc::new(Mock { seen: Mutex::new(seen), changed: Condvar::new() });
        let mut mocks = MOCKS.write().unwrap_or_else(PoisonError::into_inner);
        mocks.push(Arc::clone(&mock));
        let mut api = HostApi {
            ctx: std::ptr::without_provenance(mocks.len()),
            inbound: Some(inbound),
            complete: Some(complete),
            writable: Some(writable),
            log: Some(log),
            fault: Some(fault),
            socket_send: Some(socket_send),
            socket_close: Some(socket_close),
            ..HostApi::EMPTY
        };
        match version {
            Version::Own => services::offer(&mut api),
            Version::First => services::withhold(&mut api),
        }
        (mock, Box::leak(Box::new(api)))
    }

    /// Returns what was recorded.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the condition holds; false when it does not within the limit.
    pub(crate) fn wait(&self, limit: Duration, holds: impl Fn(&Seen) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut seen = self.seen();
        while !holds(&seen) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Runs `f` on what was recorded, and wakes who waits for it.
    pub(crate) fn record(ctx: *const c_void, f: impl FnOnce(&mut Seen) -> i32) -> i32 {
        let mocks = MOCKS.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mock) = ctx.addr().checked_sub(1).and_then(|index| mocks.get(index)) else { return abi::INVALID };
        let status = f(&mut mock.seen());
        mock.changed.notify_all();
        status
    }
}

/// Copies borrowed text; notes when it is none.
pub(crate) fn text(seen: &mut Seen, what: &str, bytes: Bytes) -> String {
    // SAFETY: the plugin lends the bytes for the call.
    match unsafe { bytes.as_slice() }.map(std::str::from_utf8) {
        Some(Ok(text)) => text.to_owned(),
        Some(Err(_)) => {
            seen.wrong.push(format!("{what} is not UTF-8"));
            String::new()
        }
        None => {
            seen.wrong.push(format!("{what} has a null pointer and a length"));
            String::new()
        }
    }
}

fn json(seen: &mut Seen, what: &str, bytes: Bytes) -> String {
    let text = text(seen, what, bytes);
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        seen.wrong.push(format!("{what} is not JSON: {error}"));
    }
    text
}

unsafe extern "C" fn inbound(ctx: *const c_void, messages: *const MsgView, n: u32, taken: *mut u32) -> i32 {
    Mock::record(ctx, |seen| {
        if taken.is_null() {
            seen.wrong.push("`inbound` was called with a null `taken`".to_owned());
            return abi::INVALID;
        }
        // SAFETY: the plugin lends its array for the call.
        let Some(views) = (unsafe { abi::array(messages, n) }) else {
            seen.wrong.push("`inbound` was called with an impossible array".to_owned());
            return abi::INVALID;
        };
        let took = if seen.full { 0 } else { n };
        for view in views {
            let payload = json(seen, "the payload of an inbound message", view.payload);
            if took == n {
                seen.inbound.push((view.kind, view.link, payload));
            }
        }
        // SAFETY: not null, lent for the call.
        unsafe { taken.write(took) };
        if took == n { abi::OK } else { abi::WOULD_BLOCK }
    })
}

unsafe extern "C" fn complete(ctx: *const c_void, token: u64, _status: i32, detail: Bytes) {
    Mock::record(ctx, |seen| {
        text(seen, "the detail of `complete`", detail);
        *seen.completions.entry(token).or_default() += 1;
        abi::OK
    });
}

unsafe extern "C" fn writable(ctx: *const c_void) {
    Mock::record(ctx, |seen| {
        seen.writable += 1;
        abi::OK
    });
}

unsafe extern "C" fn log(ctx: *const c_void, level: u8, target: Bytes, fields: Bytes) {
    Mock::record(ctx, |seen| {
        if !(1..=5).contains(&level) {
            seen.wrong.push(format!("`log` was called with the level {level}; 1 to 5 exist"));
        }
        text(seen, "the target of `log`", target);
        json(seen, "the fields of `log`", fields);
        abi::OK
    });
}

unsafe extern "C" fn fault(ctx: *const c_void, reason: Bytes) {
    Mock::record(ctx, |seen| {
        let reason = text(seen, "the reason of `fault`", reason);
        seen.faults.push(reason);
        abi::OK
    });
}

unsafe extern "C" fn socket_send(ctx: *const c_void, socket: u64, is_text: u8, data: Bytes) -> i32 {
    Mock::record(ctx, |seen| {
        if is_text != 0 {
            text(seen, "a text frame", data);
        }
        if seen.closed.contains(&socket) { abi::CLOSED } else { abi::OK }
    })
}

unsafe extern "C" fn socket_close(ctx: *const c_void, socket: u64, _code: u16, reason: Bytes) -> i32 {
    Mock::record(ctx, |seen| {
        text(seen, "the reason of `socket_close`", reason);
        seen.closed.push(socket);
        abi::OK
    })
}
