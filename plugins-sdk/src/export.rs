//! Turns a [`Transport`] into the C functions of a declaration.
//!
//! Every function catches panics: the message goes to `HostApi.fault`, the instance is poisoned and answers PANIC from
//! then on, except that it can still be stopped and destroyed.
#![allow(unsafe_code)]

use std::{
    ffi::c_void,
    marker::PhantomData,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    Config, Flow, Frame, Host, Kind, Message, Opened, Settings, SocketId, TimerId, Transport, WebhookReply,
    WebhookRequest,
    abi::{self, Bytes, HostApi, MsgView, PluginDecl, SocketEvent},
    completion::{Seen, watch},
    log,
    manifest::Json,
    panics, settings,
};

/// Exports a [`Transport`] as the symbol that the host looks for.
#[macro_export]
macro_rules! export_transport {
    ($transport:ty) => {
        /// The declaration that the host looks for.
        // The name is not used by anything else: it is the one that the host looks for.
        #[unsafe(no_mangle)]
        pub static TIELINE_TRANSPORT: $crate::abi::PluginDecl = $crate::declare::<$transport>();
    };
}

/// Returns the declaration of a transport, for example for [`conformance::check`](crate::conformance::check).
pub fn declaration<T: Transport>() -> &'static PluginDecl {
    Declared::<T>::DECL
}

/// Makes the declaration of a transport.
#[doc(hidden)]
pub const fn declare<T: Transport>() -> PluginDecl {
    *Declared::<T>::DECL
}

struct Declared<T>(PhantomData<T>);

impl<T: Transport> Declared<T> {
    const JSON: &'static Json = &T::MANIFEST.to_json(&T::Config::SCHEMA);
    const DECL: &'static PluginDecl = &PluginDecl {
        magic: abi::MAGIC,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        size: size_of::<PluginDecl>() as u32,
        panic_unwind: cfg!(panic = "unwind") as u8,
        _pad: [0; 7],
        manifest: Bytes::of(Self::JSON.as_bytes()),
        create: Some(create::<T>),
        start: Some(start::<T>),
        deliver: Some(deliver::<T>),
        socket_events: Some(socket_events::<T>),
        resume: Some(resume::<T>),
        command: Some(command::<T>),
        shutdown: Some(shutdown::<T>),
        destroy: Some(destroy::<T>),
        timer: Some(timer::<T>),
        webhook: Some(webhook::<T>),
    };
}

struct Instance<T> {
    host: Host,
    config: Mutex<Option<Config>>,
    transport: OnceLock<T>,
    poisoned: AtomicBool,
    stopped: AtomicBool,
}

impl<T: Transport> Instance<T> {
    /// Borrows the instance behind the host's pointer.
    ///
    /// # Safety
    /// `instance` is null or comes from `create::<T>` and was not destroyed.
    unsafe fn of<'a>(instance: *mut c_void) -> Option<&'a Self> {
        // SAFETY: see above; only shared references are ever made.
        unsafe { instance.cast::<Self>().as_ref() }
    }

    fn guard(&self, f: impl FnOnce() -> i32) -> i32 {
        panics::caught(f).unwrap_or_else(|said| {
            self.poisoned.store(true, Ordering::Release);
            self.host.fault(&said);
            abi::PANIC
        })
    }

    /// Runs `f` with the started transport; else answers why not.
    fn running(&self, f: impl FnOnce(&T) -> i32) -> i32 {
        if self.poisoned.load(Ordering::Acquire) {
            return abi::PANIC;
        }
        match self.transport.get() {
            Some(transport) if !self.stopped.load(Ordering::Acquire) => self.guard(|| f(transport)),
            _ => abi::CLOSED,
        }
    }
}

unsafe extern "C" fn create<T: Transport>(host: *const HostApi, config: Bytes, out: *mut *mut c_void) -> i32 {
    // SAFETY: the host passes its leaked functions.
    let Some(host) = (unsafe { Host::from_raw(host) }) else { return abi::INVALID };
    let result = panics::caught(|| {
        panics::install_hook();
        log::install(host);
        // SAFETY: borrowed for the call.
        let Some(config) = (unsafe { config.as_slice() }) else { return abi::INVALID };
        if out.is_null() {
            return abi::INVALID;
        }
        let config = match serde_json::from_slice::<Config>(if config.is_empty() { b"{}" } else { config }) {
            Ok(config) => config,
            Err(error) => {
                host.fault(&format!("the configuration is not JSON: {error}"));
                return abi::FAILED;
            }
        };
        let instance = Box::new(Instance::<T> {
            host,
            config: Mutex::new(Some(config)),
            transport: OnceLock::new(),
            poisoned: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        // SAFETY: `out` is not null, and the host lends it for the call.
        unsafe { out.write(Box::into_raw(instance).cast()) };
        abi::OK
    });
    result.unwrap_or_else(|said| {
        host.fault(&said);
        abi::PANIC
    })
}

unsafe extern "C" fn start<T: Transport>(instance: *mut c_void) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    if instance.stopped.load(Ordering::Acquire) {
        return abi::CLOSED;
    }
    instance.guard(|| {
        let config = instance.config.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(config) = config else { return abi::INVALID };
        match settings::read(&config).and_then(|config| T::start(instance.host, config)) {
            Ok(transport) => {
                let _was_empty = instance.transport.set(transport);
                abi::OK
            }
            Err(error) => {
                instance.host.fault(&error.to_string());
                abi::FAILED
            }
        }
    })
}

unsafe extern "C" fn deliver<T: Transport>(
    instance: *mut c_void,
    messages: *const MsgView,
    n: u32,
    token_base: u64,
    accepted: *mut u32,
) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    if accepted.is_null() {
        return abi::INVALID;
    }
    // SAFETY: not null, lent for the call.
    unsafe { accepted.write(0) };
    instance.running(|transport| {
        // SAFETY: the host's array, for the call.
        let Some(views) = (unsafe { abi::array(messages, n) }) else { return abi::INVALID };
        for (taken, view) in (0u32..).zip(views) {
            // SAFETY: borrowed for the call.
            let payload = unsafe { view.payload.as_slice() };
            let token = token_base.wrapping_add(u64::from(taken));
            if !deliver_one(instance.host, transport, &view, payload, token) {
                return abi::WOULD_BLOCK;
            }
            // SAFETY: not null, lent for the call. Written each time, so that it holds after a panic too.
            unsafe { accepted.write(taken + 1) };
        }
        abi::OK
    })
}

/// Delivers one message; false when there is no room for it.
fn deliver_one<T: Transport>(host: Host, transport: &T, view: &MsgView, payload: Option<&[u8]>, token: u64) -> bool {
    let (Some(kind), Some(payload)) = (Kind::from_u16(view.kind).filter(|kind| kind.is_outbound()), payload) else {
        // A kind of a later version: ignored, and answered, as everything is.
        host.complete(token, abi::OK, "");
        return true;
    };
    let message = Message::new(kind, view.link, view.corr, payload);
    match watch(host, token, |done| transport.deliver(message, done)) {
        (Flow::WouldBlock, Seen::Kept | Seen::Dropped) => return false,
        (Flow::Accepted, Seen::Dropped) => {
            host.complete(token, abi::FAILED, "the transport dropped the message without an answer");
        }
        (Flow::Closed, Seen::Dropped) => host.complete(token, abi::CLOSED, ""),
        // Answered already, or to be answered by whoever holds the completion.
        (_, Seen::Kept | Seen::Answered) => {}
    }
    true
}

unsafe extern "C" fn socket_events<T: Transport>(instance: *mut c_void, events: *const SocketEvent, n: u32) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    instance.running(|transport| {
        // SAFETY: the host's array, for the call.
        let Some(events) = (unsafe { abi::array(events, n) }) else { return abi::INVALID };
        let mut status = abi::OK;
        for event in events {
            // SAFETY: borrowed for the call.
            let understood = unsafe { event.data.as_slice() }.is_some_and(|data| socket_event(transport, &event, data));
            if !understood {
                status = abi::INVALID;
            }
        }
        status
    })
}

#[derive(serde::Deserialize)]
struct Closed {
    #[serde(default)]
    code: Option<u16>,
}

/// Tells the transport what happened on a socket; false when the data is not what the event needs.
fn socket_event<T: Transport>(transport: &T, event: &SocketEvent, data: &[u8]) -> bool {
    let socket = SocketId(event.socket);
    match event.what {
        abi::SOCKET_OPEN => match serde_json::from_slice::<Opened<'_>>(data) {
            Ok(opened) => transport.socket_opened(socket, opened),
            Err(_) => return false,
        },
        abi::SOCKET_TEXT => match std::str::from_utf8(data) {
            Ok(text) => transport.socket_frame(socket, Frame::Text(text)),
            Err(_) => return false,
        },
        abi::SOCKET_BINARY => transport.socket_frame(socket, Frame::Binary(data)),
        abi::SOCKET_CLOSED => {
            let code = serde_json::from_slice::<Closed>(data).ok().and_then(|closed| closed.code);
            transport.socket_closed(socket, code);
        }
        // Of a later version.
        _ => {}
    }
    true
}

unsafe extern "C" fn resume<T: Transport>(instance: *mut c_void, _credits: u32) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    instance.running(|transport| {
        transport.resumed();
        abi::OK
    })
}

unsafe extern "C" fn command<T: Transport>(instance: *mut c_void, _json: Bytes, _token: u64) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    // None are defined in this version.
    instance.running(|_| abi::INVALID)
}

unsafe extern "C" fn timer<T: Transport>(instance: *mut c_void, id: u64) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    instance.running(|transport| {
        transport.timer(TimerId(id));
        abi::OK
    })
}

unsafe extern "C" fn webhook<T: Transport>(instance: *mut c_void, request: *const abi::WebhookRequest) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    instance.running(|transport| {
        // SAFETY: the host lends one struct of the size that it names, and what that points to, for the call.
        let raw = unsafe { abi::array(request, 1) }.and_then(|mut one| one.next());
        let Some(raw) = raw else { return abi::INVALID };
        // SAFETY: as above.
        let Some(request) = (unsafe { WebhookRequest::read(&raw) }) else { return abi::INVALID };
        transport.webhook(request, WebhookReply::new(instance.host, raw.id));
        abi::OK
    })
}

unsafe extern "C" fn shutdown<T: Transport>(instance: *mut c_void, deadline_ms: u32) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let Some(instance) = (unsafe { Instance::<T>::of(instance) }) else { return abi::INVALID };
    if instance.stopped.swap(true, Ordering::AcqRel) {
        return abi::CLOSED;
    }
    // A poisoned instance is stopped as well: it may have threads.
    instance.guard(|| {
        if let Some(transport) = instance.transport.get() {
            transport.stop(Duration::from_millis(u64::from(deadline_ms)));
        }
        abi::OK
    })
}

unsafe extern "C" fn destroy<T: Transport>(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // SAFETY: the host passes what `create` gave it, for the last time.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance<T>>()) };
    let host = instance.host;
    if let Err(said) = panics::caught(move || drop(instance)) {
        host.log(2, "tieline_plugin_sdk", &serde_json::json!({ "message": said }).to_string());
    }
}
