//! The functions of version 1.1 that a plugin may call.
//!
//! As those of [`api`](crate::api): a plugin holds a number, nothing panics or calls back. Those that may wait for the
//! disk say so.
#![allow(unsafe_code)]

use std::ffi::c_void;

use tieline_plugin_sdk::abi::{self, Bytes};

use crate::{
    Denied,
    api::{slice, with},
    callbacks::Callbacks,
};

/// Runs a service and returns its status.
fn act(ctx: *const c_void, f: impl FnOnce(&dyn Callbacks) -> Result<(), Denied>) -> i32 {
    with(ctx, |instance| f(instance).map_or_else(Denied::status, |()| abi::OK))
}

/// Runs a service that gives bytes, copies them when they fit, and returns their length, or minus a status.
fn give(
    ctx: *const c_void,
    buf: *mut u8,
    cap: usize,
    f: impl FnOnce(&dyn Callbacks) -> Result<Vec<u8>, Denied>,
) -> isize {
    let mut found = Vec::new();
    let status = act(ctx, |instance| {
        found = f(instance)?;
        Ok(())
    });
    if status != abi::OK {
        return -(status as isize);
    }
    if found.len() <= cap && !buf.is_null() {
        // SAFETY: the plugin lends a buffer with room for `cap` bytes for the call; nothing else of ours is in it.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), buf, found.len()) };
    }
    // No value is as long as that.
    isize::try_from(found.len()).unwrap_or(isize::MAX)
}

/// Borrows bytes; those that cannot be true make no sense.
///
/// # Safety
/// As [`Bytes::as_slice`].
unsafe fn bytes<'a>(bytes: Bytes) -> Result<&'a [u8], Denied> {
    // SAFETY: passed on to the caller.
    unsafe { slice(bytes) }.ok_or(Denied::Invalid)
}

pub(crate) unsafe extern "C" fn kv_get(ctx: *const c_void, key: Bytes, buf: *mut u8, cap: usize) -> isize {
    // SAFETY: the plugin lends the key for the call.
    give(ctx, buf, cap, |instance| instance.kv_get(unsafe { bytes(key) }?))
}

pub(crate) unsafe extern "C" fn kv_put(ctx: *const c_void, key: Bytes, value: Bytes) -> i32 {
    // SAFETY: the plugin lends both for the call.
    act(ctx, |instance| instance.kv_put(unsafe { bytes(key) }?, unsafe { bytes(value) }?))
}

pub(crate) unsafe extern "C" fn kv_delete(ctx: *const c_void, key: Bytes) -> i32 {
    // SAFETY: the plugin lends the key for the call.
    act(ctx, |instance| instance.kv_delete(unsafe { bytes(key) }?))
}

pub(crate) unsafe extern "C" fn kv_keys(ctx: *const c_void, prefix: Bytes, buf: *mut u8, cap: usize) -> isize {
    // SAFETY: the plugin lends the prefix for the call.
    give(ctx, buf, cap, |instance| instance.kv_keys(unsafe { bytes(prefix) }?))
}

pub(crate) unsafe extern "C" fn secret(ctx: *const c_void, name: Bytes, buf: *mut u8, cap: usize) -> isize {
    // SAFETY: the plugin lends the name for the call.
    give(ctx, buf, cap, |instance| instance.secret(unsafe { bytes(name) }?))
}

pub(crate) unsafe extern "C" fn timer(ctx: *const c_void, id: u64, after_ms: u64) -> i32 {
    act(ctx, |instance| instance.timer(id, after_ms))
}

pub(crate) unsafe extern "C" fn metric(ctx: *const c_void, kind: u8, name: Bytes, value: f64, labels: Bytes) -> i32 {
    // SAFETY: the plugin lends both for the call.
    act(ctx, |instance| instance.metric(kind, unsafe { bytes(name) }?, value, unsafe { bytes(labels) }?))
}

pub(crate) unsafe extern "C" fn principal(ctx: *const c_void, link: u64, buf: *mut u8, cap: usize) -> isize {
    give(ctx, buf, cap, |instance| instance.principal(link))
}

pub(crate) unsafe extern "C" fn webhook_reply(
    ctx: *const c_void,
    request: u64,
    status: u16,
    content_type: Bytes,
    body: Bytes,
) -> i32 {
    act(ctx, |instance| {
        // SAFETY: the plugin lends both for the call.
        let (kind, body) = unsafe { (bytes(content_type)?, bytes(body)?) };
        instance.webhook_reply(request, status, kind, body)
    })
}
