//! The functions that a plugin may call.
//!
//! A plugin holds the number of its instance, never an address: after the instance is gone the number is unknown, and a
//! late call is answered CLOSED. Nothing here blocks, panics or calls back into the plugin. What version 1.1 added is in
//! [`service_api`].
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use tieline_plugin_sdk::{
    Kind,
    abi::{self, Bytes, HostApi, MsgView},
};

use crate::{Inbound, instance::Instance, service_api};

/// Larger than any message may be; a length beyond it is garbage.
const MOST_PAYLOAD: usize = 16 << 20;
/// Longer log records are cut.
const MOST_LOG: usize = 64 << 10;
/// Longer reasons are cut.
const MOST_REASON: usize = 2000;

static INSTANCES: LazyLock<RwLock<HashMap<u64, Arc<Instance>>>> = LazyLock::new(RwLock::default);

/// Makes the functions for an instance. They live until the process ends, because threads of the plugin may.
pub(crate) fn open(instance: &Arc<Instance>) -> &'static HostApi {
    INSTANCES.write().unwrap_or_else(PoisonError::into_inner).insert(instance.id, Arc::clone(instance));
    Box::leak(Box::new(HostApi {
        size: size_of::<HostApi>() as u32,
        abi_minor: abi::ABI_MINOR,
        _pad: 0,
        ctx: std::ptr::without_provenance(instance.id as usize),
        inbound: Some(inbound),
        complete: Some(complete),
        writable: Some(writable),
        log: Some(log),
        fault: Some(fault),
        socket_send: Some(socket_send),
        socket_close: Some(socket_close),
        kv_get: Some(service_api::kv_get),
        kv_put: Some(service_api::kv_put),
        kv_delete: Some(service_api::kv_delete),
        kv_keys: Some(service_api::kv_keys),
        secret: Some(service_api::secret),
        timer: Some(service_api::timer),
        metric: Some(service_api::metric),
        principal: Some(service_api::principal),
        webhook_reply: Some(service_api::webhook_reply),
    }))
}

/// From now on every call of this instance is answered CLOSED.
pub(crate) fn close(id: u64) {
    INSTANCES.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// Runs `f` with the instance that calls. A panic of whoever listens ends here.
pub(crate) fn with(ctx: *const c_void, f: impl FnOnce(&Instance) -> i32) -> i32 {
    let instance = INSTANCES.read().unwrap_or_else(PoisonError::into_inner).get(&(ctx.addr() as u64)).cloned();
    let Some(instance) = instance else { return abi::CLOSED };
    catch_unwind(AssertUnwindSafe(|| f(&instance))).unwrap_or_else(|payload| {
        // Dropping a payload may panic again.
        std::mem::forget(payload);
        tracing::error!(plugin.name = %instance.plugin, "a listener of plugin events panicked");
        abi::FAILED
    })
}

/// Borrows bytes, unless they cannot be true.
///
/// # Safety
/// As [`Bytes::as_slice`].
pub(crate) unsafe fn slice<'a>(bytes: Bytes) -> Option<&'a [u8]> {
    // SAFETY: passed on to the caller.
    unsafe { bytes.as_slice() }.filter(|slice| slice.len() <= MOST_PAYLOAD)
}

/// Copies text that a person will read; what is not UTF-8 is replaced.
///
/// # Safety
/// As [`Bytes::as_slice`].
unsafe fn text(bytes: Bytes) -> String {
    // SAFETY: passed on to the caller.
    let text = String::from_utf8_lossy(unsafe { slice(bytes) }.unwrap_or_default());
    text.chars().take(MOST_REASON).collect()
}

/// Copies the fields of a log record. What is too long or not JSON becomes its message.
///
/// # Safety
/// As [`Bytes::as_slice`].
unsafe fn fields(json: Bytes) -> String {
    // SAFETY: passed on to the caller.
    let whole = unsafe { slice(json) }.filter(|json| json.len() <= MOST_LOG);
    let whole = whole.filter(|json| serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok());
    match whole.and_then(|json| std::str::from_utf8(json).ok()) {
        Some(json) => json.to_owned(),
        // SAFETY: passed on to the caller.
        None => serde_json::json!({ "message": unsafe { text(json) } }).to_string(),
    }
}

unsafe extern "C" fn inbound(ctx: *const c_void, messages: *const MsgView, n: u32, taken: *mut u32) -> i32 {
    with(ctx, |instance| {
        if taken.is_null() {
            return abi::INVALID;
        }
        // SAFETY: not null, lent for the call.
        unsafe { taken.write(0) };
        // SAFETY: the plugin lends its array for the call.
        let Some(views) = (unsafe { abi::array(messages, n) }) else { return abi::INVALID };
        let mut known = Vec::with_capacity(views.len());
        // The place of each known message in the plugin's array: unknown kinds are ignored, and count as taken.
        let mut places = Vec::with_capacity(views.len());
        for (place, view) in (0u32..).zip(views) {
            let Some(kind) = Kind::from_u16(view.kind).filter(|kind| kind.is_inbound()) else { continue };
            // SAFETY: the plugin lends the payload for the call.
            let Some(payload) = (unsafe { slice(view.payload) }) else { return abi::INVALID };
            known.push(Inbound { link: view.link, kind, corr: view.corr, payload });
            places.push(place);
        }
        let count = if known.is_empty() { 0 } else { instance.inbound(&known) };
        let (status, count) = match places.get(count) {
            None => (abi::OK, n),
            Some(&place) => (abi::WOULD_BLOCK, place),
        };
        // SAFETY: not null, lent for the call.
        unsafe { taken.write(count) };
        status
    })
}

unsafe extern "C" fn complete(ctx: *const c_void, token: u64, status: i32, detail: Bytes) {
    with(ctx, |instance| {
        // SAFETY: the plugin lends the detail for the call.
        instance.complete(token, status, &unsafe { text(detail) });
        abi::OK
    });
}

unsafe extern "C" fn writable(ctx: *const c_void) {
    with(ctx, |instance| {
        instance.queue.writable();
        abi::OK
    });
}

unsafe extern "C" fn log(ctx: *const c_void, level: u8, target: Bytes, json: Bytes) {
    with(ctx, |instance| {
        let level = match level {
            1 => tracing::Level::ERROR,
            2 => tracing::Level::WARN,
            3 => tracing::Level::INFO,
            4 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        // SAFETY: the plugin lends both for the call.
        let (target, json) = unsafe { (text(target), fields(json)) };
        instance.events.plugin_log(&instance.plugin, level, &target, &json);
        abi::OK
    });
}

unsafe extern "C" fn fault(ctx: *const c_void, reason: Bytes) {
    with(ctx, |instance| {
        // SAFETY: the plugin lends the reason for the call.
        instance.fault(unsafe { text(reason) });
        abi::OK
    });
}

unsafe extern "C" fn socket_send(ctx: *const c_void, socket: u64, is_text: u8, data: Bytes) -> i32 {
    with(ctx, |instance| {
        let is_text = is_text != 0;
        // SAFETY: the plugin lends the data for the call.
        let Some(data) = (unsafe { slice(data) }) else { return abi::INVALID };
        if is_text && std::str::from_utf8(data).is_err() {
            return abi::INVALID;
        }
        match instance.socket(socket) {
            Some(sink) if sink.send(is_text, bytes::Bytes::copy_from_slice(data)) => abi::OK,
            _ => abi::CLOSED,
        }
    })
}

unsafe extern "C" fn socket_close(ctx: *const c_void, socket: u64, code: u16, reason: Bytes) -> i32 {
    with(ctx, |instance| match instance.socket(socket) {
        Some(sink) => {
            // SAFETY: the plugin lends the reason for the call.
            sink.close(code, &unsafe { text(reason) });
            abi::OK
        }
        None => abi::CLOSED,
    })
}
