//! The binary contract between host and plugin, version 1.1: C structs of plain data.
//!
//! - Every pointer argument is borrowed for the call; nobody frees foreign memory.
//! - `create`, `start`, `shutdown` and `destroy` never overlap. `deliver`, `socket_events`, `resume`, `command`, `timer`
//!   and `webhook` come from one host thread per instance, never re-entrantly, and return at once: they only enqueue.
//! - The functions of [`HostApi`] may be called from any plugin thread and never call back. They never block, except
//!   `kv_…` and `secret`, which may wait for the disk: call those from a thread of your own, or while you start.
//! - A function that returns `isize` returns a length, or minus a status. What does not fit into the caller's buffer is
//!   not copied, and the length says how much room is needed.
//! - A struct that begins with `size` may grow at its end in a minor version. A reader takes what it knows, a field
//!   beyond the sender's `size` is absent, and the stride of an array is the sender's `size`. What a minor version has
//!   added to [`PluginDecl`] and [`HostApi`] may also be null, which is the same as absent. A `size` that is no multiple
//!   of eight belongs to no struct.
//! - An array has at most [`MOST_AT_ONCE`] elements.

use std::ffi::c_void;

/// Begins every declaration, so that a foreign symbol of the same name is not taken for one.
pub const MAGIC: u64 = u64::from_le_bytes(*b"TIELINE\x01");
/// Other majors do not load.
pub const ABI_MAJOR: u16 = 1;
/// Later minors only append fields.
pub const ABI_MINOR: u16 = 1;
/// The exported data symbol.
pub const SYMBOL: &str = "TIELINE_TRANSPORT";

/// The most elements of an array; a count beyond it is garbage.
pub const MOST_AT_ONCE: u32 = 1 << 16;

/// Done.
pub const OK: i32 = 0;
/// No room now; what was not taken is offered again after `writable` or `resume`.
pub const WOULD_BLOCK: i32 = 1;
/// The instance, link or socket is gone.
pub const CLOSED: i32 = 2;
/// The arguments make no sense.
pub const INVALID: i32 = 3;
/// The callee panicked; the instance is poisoned.
pub const PANIC: i32 = 4;
/// It did not work; `fault` or the detail says why.
pub const FAILED: i32 = 5;
/// There is no such thing (since 1.1).
pub const NOT_FOUND: i32 = 6;
/// Larger, or more of it, than is allowed (since 1.1).
pub const TOO_LARGE: i32 = 7;

/// A socket was opened; the data is JSON `{"path":…,"principal":{…}}`.
pub const SOCKET_OPEN: u16 = 1;
/// A text frame; the data is UTF-8.
pub const SOCKET_TEXT: u16 = 2;
/// A binary frame.
pub const SOCKET_BINARY: u16 = 3;
/// A socket is gone; the data is JSON `{"code":1000}`, where the code may be absent.
pub const SOCKET_CLOSED: u16 = 4;

/// A metric that only grows; the value is added to it.
pub const METRIC_COUNTER: u8 = 1;
/// A metric that is set to the value.
pub const METRIC_GAUGE: u8 = 2;

/// For `after_ms` of [`HostApi::timer`]: the timer is cancelled.
pub const TIMER_CANCEL: u64 = u64::MAX;

/// Bytes borrowed for the duration of a call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// Where; may be null when `len` is 0.
    pub ptr: *const u8,
    /// How many.
    pub len: usize,
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Bytes = Bytes { ptr: std::ptr::null(), len: 0 };

    /// Borrows a slice.
    pub const fn of(slice: &[u8]) -> Bytes {
        Bytes { ptr: slice.as_ptr(), len: slice.len() }
    }

    /// Returns the bytes, or nothing when the pointer and the length cannot be true.
    ///
    /// # Safety
    /// A non-null `ptr` must be readable for `len` bytes for as long as `'a`.
    #[allow(unsafe_code)]
    pub unsafe fn as_slice<'a>(self) -> Option<&'a [u8]> {
        match (self.ptr.is_null(), self.len) {
            (_, 0) => Some(&[]),
            (true, _) => None,
            (false, len) if len > isize::MAX as usize => None,
            // SAFETY: the caller vouches for pointer and length; both were checked for the impossible.
            (false, len) => Some(unsafe { std::slice::from_raw_parts(self.ptr, len) }),
        }
    }
}

/// A message that crosses the boundary, in either direction.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MsgView {
    /// The sender's `size_of::<MsgView>()`; the stride of an array.
    pub size: u32,
    /// A [`Kind`](crate::Kind); an unknown one is ignored.
    pub kind: u16,
    /// None defined yet.
    pub flags: u16,
    /// The link it belongs to.
    pub link: u64,
    /// Joins an outcome to its command; 0 = no answer wanted.
    pub corr: u64,
    /// JSON.
    pub payload: Bytes,
}

/// What happened on a socket that the host holds for the plugin.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SocketEvent {
    /// The sender's `size_of::<SocketEvent>()`; the stride of an array.
    pub size: u32,
    /// One of the `SOCKET_…` constants; an unknown one is ignored.
    pub what: u16,
    /// Zero.
    pub _pad: u16,
    /// The socket's number, unique while the daemon lives.
    pub socket: u64,
    /// As the constant says.
    pub data: Bytes,
}

/// A request that came in on one of the plugin's webhook paths (since 1.1). The host has authenticated it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct WebhookRequest {
    /// The sender's `size_of::<WebhookRequest>()`.
    pub size: u32,
    /// Zero.
    pub _pad: u32,
    /// Goes into `webhook_reply`; unique while the daemon lives.
    pub id: u64,
    /// `GET`, `POST`, …
    pub method: Bytes,
    /// One of the manifest's paths.
    pub path: Bytes,
    /// What stands after the `?`, as it came; empty when there is none.
    pub query: Bytes,
    /// JSON array of `[name, value]`; names in lower case, without `authorization` and `cookie`.
    pub headers: Bytes,
    /// Who asks: the principal, as JSON.
    pub principal: Bytes,
    /// As it came.
    pub body: Bytes,
}

/// The struct that a plugin exports as `TIELINE_TRANSPORT`. Read without running any of the plugin's functions.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginDecl {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`ABI_MAJOR`] of the plugin.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the plugin.
    pub abi_minor: u16,
    /// The plugin's `size_of::<PluginDecl>()`.
    pub size: u32,
    /// 1 when a panic in the plugin unwinds (or cannot happen, as in C).
    pub panic_unwind: u8,
    /// Zero.
    pub _pad: [u8; 7],
    /// JSON: name, version, sdk_version, sockets, webhooks, capabilities, config_schema.
    pub manifest: Bytes,
    /// Makes an instance from the host's functions and the configuration (JSON).
    pub create: Option<unsafe extern "C" fn(host: *const HostApi, config: Bytes, out: *mut *mut c_void) -> i32>,
    /// Starts it; may spawn threads; returns within a second.
    pub start: Option<unsafe extern "C" fn(instance: *mut c_void) -> i32>,
    /// Hands over `n` messages; message `i` has the token `token_base + i`. OK with `accepted = n`, or WOULD_BLOCK with
    /// the count taken. Each accepted message is answered by exactly one `complete`.
    pub deliver: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            messages: *const MsgView,
            n: u32,
            token_base: u64,
            accepted: *mut u32,
        ) -> i32,
    >,
    /// Tells what happened on the sockets, in order.
    pub socket_events: Option<unsafe extern "C" fn(instance: *mut c_void, events: *const SocketEvent, n: u32) -> i32>,
    /// There is room again for `credits` inbound messages after a WOULD_BLOCK of `inbound`.
    pub resume: Option<unsafe extern "C" fn(instance: *mut c_void, credits: u32) -> i32>,
    /// Reserved for health, statistics and reconfiguration; INVALID for what is not known.
    pub command: Option<unsafe extern "C" fn(instance: *mut c_void, json: Bytes, token: u64) -> i32>,
    /// Stops threads and flushes, within the deadline.
    pub shutdown: Option<unsafe extern "C" fn(instance: *mut c_void, deadline_ms: u32) -> i32>,
    /// Frees the instance. No thread of it exists any more. The library stays mapped.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// A timer that was set with [`HostApi::timer`] has run out (since 1.1; may be absent).
    pub timer: Option<unsafe extern "C" fn(instance: *mut c_void, id: u64) -> i32>,
    /// A request has come in; it is answered with [`HostApi::webhook_reply`], from any thread. Any status but OK says
    /// that it was not taken (since 1.1; may be absent).
    pub webhook: Option<unsafe extern "C" fn(instance: *mut c_void, request: *const WebhookRequest) -> i32>,
}

impl PluginDecl {
    /// The size in version 1.0; a smaller one is not accepted.
    pub const SIZE_1_0: usize = 104;

    /// Reads the declaration of a library, of whatever minor version: what it does not have is absent. Nothing when it
    /// is none of this major version.
    ///
    /// # Safety
    /// `declaration` is aligned and points to a declaration, or to the page of data that a library has there instead.
    #[allow(unsafe_code)]
    pub unsafe fn read(declaration: *const PluginDecl) -> Option<PluginDecl> {
        // SAFETY: the fields up to `size` are the same in every version, and within any page.
        let (magic, major, size) = unsafe {
            (
                (&raw const (*declaration).magic).read(),
                (&raw const (*declaration).abi_major).read(),
                (&raw const (*declaration).size).read() as usize,
            )
        };
        if magic != MAGIC || major != ABI_MAJOR || !is_size_of::<PluginDecl>(size, Self::SIZE_1_0) {
            return None;
        }
        let mut known = std::mem::MaybeUninit::<PluginDecl>::zeroed();
        // SAFETY: `size` bytes are there, and no more than are known are copied. Zero is valid for what is absent: no
        // functions; `panic_unwind` and the padding are bytes, for which any value is valid.
        unsafe {
            let from = declaration.cast::<u8>();
            std::ptr::copy_nonoverlapping(from, known.as_mut_ptr().cast::<u8>(), size.min(size_of::<PluginDecl>()));
            Some(known.assume_init())
        }
    }
}

#[allow(unsafe_code)]
// SAFETY: a declaration is read-only data; its pointers refer to statics of the same library.
unsafe impl Sync for PluginDecl {}

/// What the host offers to one instance. Lives until the process ends; after the instance is gone, every call is
/// answered CLOSED.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HostApi {
    /// The host's `size_of::<HostApi>()`.
    pub size: u32,
    /// [`ABI_MINOR`] of the host.
    pub abi_minor: u16,
    /// Zero.
    pub _pad: u16,
    /// Goes into every call as it is. A number rather than an address; not to be followed.
    pub ctx: *const c_void,
    /// Hands over messages. OK with `taken = n`, or WOULD_BLOCK with the count taken: the rest after `resume`.
    pub inbound:
        Option<unsafe extern "C" fn(ctx: *const c_void, messages: *const MsgView, n: u32, taken: *mut u32) -> i32>,
    /// Answers an accepted message, exactly once.
    pub complete: Option<unsafe extern "C" fn(ctx: *const c_void, token: u64, status: i32, detail: Bytes)>,
    /// `deliver` has room again after a WOULD_BLOCK.
    pub writable: Option<unsafe extern "C" fn(ctx: *const c_void)>,
    /// Logs: 1 error, 2 warn, 3 info, 4 debug, 5 trace; the fields are a JSON object.
    pub log: Option<unsafe extern "C" fn(ctx: *const c_void, level: u8, target: Bytes, json: Bytes)>,
    /// Says what went wrong (UTF-8): the reason of a PANIC or FAILED that is about to be returned. Outside a call it
    /// means that the instance is broken and wants to be restarted.
    pub fault: Option<unsafe extern "C" fn(ctx: *const c_void, reason: Bytes)>,
    /// Sends a frame on a socket of this instance.
    pub socket_send: Option<unsafe extern "C" fn(ctx: *const c_void, socket: u64, is_text: u8, data: Bytes) -> i32>,
    /// Closes a socket of this instance.
    pub socket_close: Option<unsafe extern "C" fn(ctx: *const c_void, socket: u64, code: u16, reason: Bytes) -> i32>,
    /// Reads a value of the plugin's own key-value space (since 1.1, as everything below). NOT_FOUND without one. May
    /// wait for the disk.
    pub kv_get: Option<unsafe extern "C" fn(ctx: *const c_void, key: Bytes, buf: *mut u8, cap: usize) -> isize>,
    /// Stores a value; it is durable when this returns OK. TOO_LARGE when it or the space would be larger than allowed.
    /// May wait for the disk.
    pub kv_put: Option<unsafe extern "C" fn(ctx: *const c_void, key: Bytes, value: Bytes) -> i32>,
    /// Removes a value, durably. NOT_FOUND when there was none. May wait for the disk.
    pub kv_delete: Option<unsafe extern "C" fn(ctx: *const c_void, key: Bytes) -> i32>,
    /// Reads the keys that begin with `prefix`, sorted, as a JSON array. May wait for the disk.
    pub kv_keys: Option<unsafe extern "C" fn(ctx: *const c_void, prefix: Bytes, buf: *mut u8, cap: usize) -> isize>,
    /// Reads a secret that the operator has laid down for this plugin. NOT_FOUND without one. May wait for the disk.
    pub secret: Option<unsafe extern "C" fn(ctx: *const c_void, name: Bytes, buf: *mut u8, cap: usize) -> isize>,
    /// Calls [`PluginDecl::timer`] with this id after so many milliseconds, once. The same id again replaces it;
    /// [`TIMER_CANCEL`] cancels it. TOO_LARGE when there are too many.
    pub timer: Option<unsafe extern "C" fn(ctx: *const c_void, id: u64, after_ms: u64) -> i32>,
    /// Adds to a counter or sets a gauge; the labels are a JSON object of strings. TOO_LARGE when there are too many
    /// series.
    pub metric:
        Option<unsafe extern "C" fn(ctx: *const c_void, kind: u8, name: Bytes, value: f64, labels: Bytes) -> i32>,
    /// Reads who is behind a link of this instance, as JSON. NOT_FOUND without such a link.
    pub principal: Option<unsafe extern "C" fn(ctx: *const c_void, link: u64, buf: *mut u8, cap: usize) -> isize>,
    /// Answers a webhook request. NOT_FOUND when nobody waits for it any more. INVALID, and an error for whoever waits,
    /// when the status is not within 200 to 599.
    pub webhook_reply: Option<
        unsafe extern "C" fn(ctx: *const c_void, request: u64, status: u16, content_type: Bytes, body: Bytes) -> i32,
    >,
}

impl HostApi {
    /// The size in version 1.0; a smaller one is not accepted.
    pub const SIZE_1_0: usize = 72;

    /// A host of this version that offers nothing yet: what it does offer is put in.
    pub const EMPTY: HostApi = HostApi {
        size: size_of::<HostApi>() as u32,
        abi_minor: ABI_MINOR,
        _pad: 0,
        ctx: std::ptr::null(),
        inbound: None,
        complete: None,
        writable: None,
        log: None,
        fault: None,
        socket_send: None,
        socket_close: None,
        kv_get: None,
        kv_put: None,
        kv_delete: None,
        kv_keys: None,
        secret: None,
        timer: None,
        metric: None,
        principal: None,
        webhook_reply: None,
    };
}

#[allow(unsafe_code)]
// SAFETY: the struct is never written after it was published, and `ctx` is a number.
unsafe impl Send for HostApi {}
#[allow(unsafe_code)]
// SAFETY: as above.
unsafe impl Sync for HostApi {}

/// Tells whether a struct that has grown at its end, or not yet, can have this size: it ends with a whole field.
pub(crate) const fn is_size_of<T>(size: usize, least: usize) -> bool {
    size >= least && size.is_multiple_of(align_of::<T>())
}

/// A struct that begins with its sender's size and may stand in an array.
///
/// # Safety
/// Implementors are `repr(C)`, plain data (any bit pattern is valid), and begin with `size: u32`.
#[allow(unsafe_code)]
pub unsafe trait Sized32: Copy {
    /// The size in the version that introduced it; a smaller one is not accepted.
    const MIN: usize;
}

#[allow(unsafe_code)]
// SAFETY: repr(C), integers and raw pointers only, `size` first.
unsafe impl Sized32 for MsgView {
    const MIN: usize = 40;
}
#[allow(unsafe_code)]
// SAFETY: repr(C), integers and raw pointers only, `size` first.
unsafe impl Sized32 for SocketEvent {
    const MIN: usize = 32;
}

#[allow(unsafe_code)]
// SAFETY: repr(C), integers and raw pointers only, `size` first.
unsafe impl Sized32 for WebhookRequest {
    const MIN: usize = 112;
}

/// Larger than any struct here will ever be; a `size` beyond it is garbage.
const MAX_STRIDE: usize = 4096;

/// Reads an array whose stride is the sender's `size`. Nothing when it cannot be one.
///
/// # Safety
/// A non-null `first` must point to `n` structs, each as large as the first one's `size` says, readable for `'a`.
#[allow(unsafe_code)]
pub unsafe fn array<'a, T: Sized32 + 'a>(first: *const T, n: u32) -> Option<impl ExactSizeIterator<Item = T> + 'a> {
    let stride = if n == 0 {
        T::MIN
    } else if n > MOST_AT_ONCE || first.is_null() || !first.is_aligned() {
        return None;
    } else {
        // SAFETY: not null, aligned, and the caller vouches that at least the leading `size` is readable.
        unsafe { first.cast::<u32>().read() as usize }
    };
    if stride > MAX_STRIDE || !is_size_of::<T>(stride, T::MIN) {
        return None;
    }
    let known = stride.min(size_of::<T>());
    Some((0..n as usize).map(move |i| {
        let mut item = std::mem::MaybeUninit::<T>::zeroed();
        // SAFETY: element `i` lies within the array that the caller vouches for; `known` fits both sides; the rest is
        // zero, which is a valid T.
        unsafe {
            std::ptr::copy_nonoverlapping(first.cast::<u8>().add(i * stride), item.as_mut_ptr().cast::<u8>(), known);
            item.assume_init()
        }
    }))
}

#[cfg(all(test, target_pointer_width = "64"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// The golden layout. Never change a line; only append.
    #[test]
    fn the_layout_is_the_published_one() {
        assert_eq!(MAGIC.to_le_bytes(), *b"TIELINE\x01");
        assert_eq!((size_of::<Bytes>(), offset_of!(Bytes, ptr), offset_of!(Bytes, len)), (16, 0, 8));

        assert_eq!(offset_of!(MsgView, size), 0);
        assert_eq!(offset_of!(MsgView, kind), 4);
        assert_eq!(offset_of!(MsgView, flags), 6);
        assert_eq!(offset_of!(MsgView, link), 8);
        assert_eq!(offset_of!(MsgView, corr), 16);
        assert_eq!(offset_of!(MsgView, payload), 24);
        assert_eq!(size_of::<MsgView>(), 40);

        assert_eq!(offset_of!(SocketEvent, size), 0);
        assert_eq!(offset_of!(SocketEvent, what), 4);
        assert_eq!(offset_of!(SocketEvent, _pad), 6);
        assert_eq!(offset_of!(SocketEvent, socket), 8);
        assert_eq!(offset_of!(SocketEvent, data), 16);
        assert_eq!(size_of::<SocketEvent>(), 32);

        assert_eq!(offset_of!(PluginDecl, magic), 0);
        assert_eq!(offset_of!(PluginDecl, abi_major), 8);
        assert_eq!(offset_of!(PluginDecl, abi_minor), 10);
        assert_eq!(offset_of!(PluginDecl, size), 12);
        assert_eq!(offset_of!(PluginDecl, panic_unwind), 16);
        assert_eq!(offset_of!(PluginDecl, manifest), 24);
        assert_eq!(offset_of!(PluginDecl, create), 40);
        assert_eq!(offset_of!(PluginDecl, start), 48);
        assert_eq!(offset_of!(PluginDecl, deliver), 56);
        assert_eq!(offset_of!(PluginDecl, socket_events), 64);
        assert_eq!(offset_of!(PluginDecl, resume), 72);
        assert_eq!(offset_of!(PluginDecl, command), 80);
        assert_eq!(offset_of!(PluginDecl, shutdown), 88);
        assert_eq!(offset_of!(PluginDecl, destroy), 96);
        assert_eq!(offset_of!(PluginDecl, timer), 104);
        assert_eq!(PluginDecl::SIZE_1_0, offset_of!(PluginDecl, timer));
        assert_eq!(offset_of!(PluginDecl, webhook), 112);
        assert_eq!(size_of::<PluginDecl>(), 120);

        assert_eq!(offset_of!(HostApi, size), 0);
        assert_eq!(offset_of!(HostApi, abi_minor), 4);
        assert_eq!(offset_of!(HostApi, _pad), 6);
        assert_eq!(offset_of!(HostApi, ctx), 8);
        assert_eq!(offset_of!(HostApi, inbound), 16);
        assert_eq!(offset_of!(HostApi, complete), 24);
        assert_eq!(offset_of!(HostApi, writable), 32);
        assert_eq!(offset_of!(HostApi, log), 40);
        assert_eq!(offset_of!(HostApi, fault), 48);
        assert_eq!(offset_of!(HostApi, socket_send), 56);
        assert_eq!(offset_of!(HostApi, socket_close), 64);
        assert_eq!(offset_of!(HostApi, kv_get), 72);
        assert_eq!(HostApi::SIZE_1_0, offset_of!(HostApi, kv_get));
        assert_eq!(offset_of!(HostApi, kv_put), 80);
        assert_eq!(offset_of!(HostApi, kv_delete), 88);
        assert_eq!(offset_of!(HostApi, kv_keys), 96);
        assert_eq!(offset_of!(HostApi, secret), 104);
        assert_eq!(offset_of!(HostApi, timer), 112);
        assert_eq!(offset_of!(HostApi, metric), 120);
        assert_eq!(offset_of!(HostApi, principal), 128);
        assert_eq!(offset_of!(HostApi, webhook_reply), 136);
        assert_eq!(size_of::<HostApi>(), 144);

        assert_eq!(offset_of!(WebhookRequest, size), 0);
        assert_eq!(offset_of!(WebhookRequest, _pad), 4);
        assert_eq!(offset_of!(WebhookRequest, id), 8);
        assert_eq!(offset_of!(WebhookRequest, method), 16);
        assert_eq!(offset_of!(WebhookRequest, path), 32);
        assert_eq!(offset_of!(WebhookRequest, query), 48);
        assert_eq!(offset_of!(WebhookRequest, headers), 64);
        assert_eq!(offset_of!(WebhookRequest, principal), 80);
        assert_eq!(offset_of!(WebhookRequest, body), 96);
        assert_eq!(size_of::<WebhookRequest>(), 112);
    }

    #[repr(C)]
    struct Larger {
        view: MsgView,
        tail: u64,
    }

    #[test]
    #[allow(unsafe_code)]
    fn an_array_of_a_newer_sender_is_read_by_its_stride() {
        let payload = b"{}";
        let view = |link| MsgView {
            size: size_of::<Larger>() as u32,
            kind: 3,
            flags: 0,
            link,
            corr: 0,
            payload: Bytes::of(payload),
        };
        let sent = [Larger { view: view(1), tail: 9 }, Larger { view: view(2), tail: 9 }];
        // SAFETY: two structs with the stride that they name.
        let read: Vec<MsgView> = unsafe { array(sent.as_ptr().cast::<MsgView>(), 2) }.unwrap().collect();
        assert_eq!(read.iter().map(|m| m.link).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(sent[0].tail, 9);
    }

    #[test]
    #[allow(unsafe_code)]
    fn a_declaration_that_ends_within_a_function_is_refused() {
        let whole = PluginDecl {
            magic: MAGIC,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            size: 0,
            panic_unwind: 1,
            _pad: [0; 7],
            manifest: Bytes::EMPTY,
            create: None,
            start: None,
            deliver: None,
            socket_events: None,
            resume: None,
            command: None,
            shutdown: None,
            destroy: None,
            timer: None,
            webhook: None,
        };
        for size in 100..=128 {
            let declaration = PluginDecl { size, ..whole };
            // SAFETY: a declaration; what is copied beyond the size in it is never more than it has.
            let read = unsafe { PluginDecl::read(&raw const declaration) };
            assert_eq!(read.is_some(), size >= 104 && size % 8 == 0, "{size}");
        }
    }

    #[test]
    #[allow(unsafe_code)]
    fn an_impossible_array_is_refused() {
        // SAFETY: refused before anything is read, or read within the one struct.
        unsafe {
            assert!(array::<MsgView>(std::ptr::null(), 1).is_none());
            assert_eq!(array::<MsgView>(std::ptr::null(), 0).unwrap().len(), 0);
            for size in [0, 39, 41, 100_000] {
                let view = MsgView { size, kind: 1, flags: 0, link: 0, corr: 0, payload: Bytes::EMPTY };
                assert!(array(&raw const view, 1).is_none(), "{size}");
            }
            let view = MsgView { size: 40, kind: 1, flags: 0, link: 0, corr: 0, payload: Bytes::EMPTY };
            assert!(array(&raw const view, MOST_AT_ONCE + 1).is_none());
            assert!(Bytes { ptr: std::ptr::null(), len: 1 }.as_slice().is_none());
            assert_eq!(Bytes::EMPTY.as_slice(), Some(&[][..]));
        }
    }
}
