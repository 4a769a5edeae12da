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

use crate::{
    Inbound,
    callbacks::Callbacks,
    service_api,
    text::{fields, text},
};

/// Larger than any message may be; a length beyond it is garbage.
pub(crate) const MOST_PAYLOAD: usize = 16 << 20;

static INSTANCES: LazyLock<RwLock<HashMap<u64, Arc<dyn Callbacks>>>> = LazyLock::new(RwLock::default);

/// Makes the functions for an instance. They live until the process ends, because threads of the plugin may.
pub(crate) fn open(id: u64, callbacks: Arc<dyn Callbacks>) -> &'static HostApi {
    INSTANCES.write().unwrap_or_else(PoisonError::into_inner).insert(id, callbacks);
    Box::leak(Box::new(HostApi {
        size: size_of::<HostApi>() as u32,
        abi_minor: abi::ABI_MINOR,
        _pad: 0,
        ctx: std::ptr::without_provenance(id as usize),
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
pub(crate) fn with(ctx: *const c_void, f: impl FnOnce(&dyn Callbacks) -> i32) -> i32 {
    let instance = INSTANCES.read().unwrap_or_else(PoisonError::into_inner).get(&(ctx.addr() as u64)).cloned();
    let Some(instance) = instance else { return abi::CLOSED };
    catch_unwind(AssertUnwindSafe(|| f(&*instance))).unwrap_or_else(|payload| {
        // Dropping a payload may panic again.
        std::mem::forget(payload);
        tracing::error!(plugin.name = %instance.plugin(), "a listener of plugin events panicked");
        abi::FAILED
    })
}

/// Borrows bytes, unless they cannot be true.
///
/// # Safety
/// As [`Bytes::as_slice`].
pub(crate) unsafe fn slice<'a>(bytes: Bytes) -> Option<&'a [u8]> {
    if bytes.len > MOST_PAYLOAD {
        return None;
    }
    // SAFETY: passed on to the caller.
    unsafe { bytes.as_slice() }
}

/// As [`slice`], for what a person will read: nothing when it cannot be true.
///
/// # Safety
/// As [`Bytes::as_slice`].
unsafe fn said<'a>(bytes: Bytes) -> &'a [u8] {
    // SAFETY: passed on to the caller.
    unsafe { slice(bytes) }.unwrap_or_default()
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
        instance.complete(token, status, &text(unsafe { said(detail) }));
        abi::OK
    });
}

unsafe extern "C" fn writable(ctx: *const c_void) {
    with(ctx, |instance| {
        instance.writable();
        abi::OK
    });
}

unsafe extern "C" fn log(ctx: *const c_void, level: u8, target: Bytes, json: Bytes) {
    with(ctx, |instance| {
        // SAFETY: the plugin lends both for the call.
        let (target, json) = unsafe { (said(target), said(json)) };
        instance.log(level, &text(target), &fields(json));
        abi::OK
    });
}

unsafe extern "C" fn fault(ctx: *const c_void, reason: Bytes) {
    with(ctx, |instance| {
        // SAFETY: the plugin lends the reason for the call.
        instance.fault(text(unsafe { said(reason) }));
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
        instance.socket_send(socket, is_text, data)
    })
}

unsafe extern "C" fn socket_close(ctx: *const c_void, socket: u64, code: u16, reason: Bytes) -> i32 {
    // SAFETY: the plugin lends the reason for the call.
    with(ctx, |instance| instance.socket_close(socket, code, &text(unsafe { said(reason) })))
}
