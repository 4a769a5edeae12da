//! Fuzzes the host with a plugin in the same process that does and says anything, from several threads, also when it is gone.
#![allow(unsafe_code)]

use std::{
    cell::RefCell,
    ffi::c_void,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tieline_plugin_sdk::abi::{self, Bytes, HostApi, MsgView, SocketEvent, WebhookRequest};

use super::{
    harness::fuzz,
    hostile,
    input::{Input, mark},
    stage::{Listener, Stage},
};
use crate::{body::Body, callbacks::Callbacks, library::Entries, local::Local, lock};

/// What the next plugin is made of: its script, and who has to know its functions.
struct Made {
    script: Input,
    listener: Arc<Listener>,
}

thread_local! {
    static NEXT: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// One instance, behind the pointer that the host holds.
struct Hostile {
    api: &'static HostApi,
    script: Mutex<Input>,
    /// One bit for each pair of a call and what came of it.
    seen: Arc<AtomicU64>,
}

static SEEN: AtomicU64 = AtomicU64::new(0);

impl Hostile {
    /// Makes a few calls of the host, and returns some status.
    fn act(&self) -> i32 {
        let (mut calls, status) = {
            let mut script = lock(&self.script);
            if script.is_empty() {
                return abi::OK;
            }
            let status = script.u8();
            (script.part(), status)
        };
        for _ in 0..8 {
            if calls.is_empty() {
                break;
            }
            self.call(&mut calls);
        }
        match status {
            0..200 => abi::OK,
            250.. => i32::MIN,
            status => i32::from(status) % 9,
        }
    }

    fn call(&self, calls: &mut Input) {
        let (what, came) = hostile::call(self.api, calls);
        let came = came.map_or(0, |status| status.clamp(-8, 8) + 9) as u64;
        self.seen.fetch_or(1 << ((u64::from(what) * 3 + came) % 64), Ordering::Relaxed);
    }
}

/// # Safety
/// `instance` was made by [`create`] and is not destroyed.
unsafe fn act(instance: *mut c_void) -> i32 {
    // SAFETY: see above.
    unsafe { &*instance.cast::<Hostile>() }.act()
}

unsafe extern "C" fn create(api: *const HostApi, config: Bytes, out: *mut *mut c_void) -> i32 {
    // SAFETY: the host lends it for the call.
    assert!(unsafe { config.as_slice() }.is_some());
    let Some(Made { script, listener }) = NEXT.take() else { return abi::FAILED };
    // SAFETY: the host's functions live until the process ends.
    let api = unsafe { &*api };
    let _first = listener.api.set(api);
    SEEN.store(0, Ordering::Relaxed);
    let hostile = Hostile { api, script: Mutex::new(script), seen: Arc::default() };
    let status = hostile.act();
    if status == abi::OK && lock(&hostile.script).u8() == 255 {
        // It says that it worked, and made nothing.
        return status;
    }
    // SAFETY: the host lends it for the call. Freed by `destroy`, or never by a host that does not get that far.
    unsafe { out.write(Box::into_raw(Box::new(hostile)).cast()) };
    status
}

unsafe extern "C" fn plain(instance: *mut c_void) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    unsafe { act(instance) }
}

unsafe extern "C" fn deliver(
    instance: *mut c_void,
    messages: *const MsgView,
    n: u32,
    base: u64,
    accepted: *mut u32,
) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let hostile = unsafe { &*instance.cast::<Hostile>() };
    // SAFETY: the host lends its array for the call.
    assert_eq!(unsafe { abi::array(messages, n) }.map(|views| views.len()), Some(n as usize));
    let choice = lock(&hostile.script).u8();
    // Some of them are answered, once or twice, also some that it does not accept.
    for i in 0..u64::from(choice % 8) {
        if let Some(complete) = hostile.api.complete {
            // SAFETY: the functions of a living host.
            unsafe { complete(hostile.api.ctx, base.wrapping_add(i / 2), i32::from(choice) % 6, Bytes::EMPTY) };
        }
    }
    let garbage = [0, n, n / 2, u32::MAX, n.wrapping_add(1), 1];
    // SAFETY: the host lends it for the call.
    unsafe { accepted.write(garbage[usize::from(choice / 8) % garbage.len()]) };
    hostile.act()
}

unsafe extern "C" fn socket_events(instance: *mut c_void, events: *const SocketEvent, n: u32) -> i32 {
    // SAFETY: the host lends its array for the call.
    assert_eq!(unsafe { abi::array(events, n) }.map(|events| events.len()), Some(n as usize));
    // SAFETY: the host passes what `create` gave it.
    unsafe { act(instance) }
}

unsafe extern "C" fn with_number(instance: *mut c_void, _: u32) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    unsafe { act(instance) }
}

unsafe extern "C" fn timer(instance: *mut c_void, _: u64) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    unsafe { act(instance) }
}

unsafe extern "C" fn webhook(instance: *mut c_void, request: *const WebhookRequest) -> i32 {
    // SAFETY: the host passes what `create` gave it.
    let hostile = unsafe { &*instance.cast::<Hostile>() };
    // SAFETY: the host lends one request for the call.
    let request = unsafe { abi::array(request, 1) }.and_then(|mut one| one.next()).expect("a request");
    let choice = lock(&hostile.script).u8();
    if let Some(reply) = hostile.api.webhook_reply.filter(|_| choice < 128) {
        // SAFETY: the functions of a living host.
        unsafe {
            reply(hostile.api.ctx, request.id, 100 + u16::from(choice) * 4, Bytes::of(b"text/plain"), Bytes::EMPTY)
        };
    }
    hostile.act()
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: the host passes what `create` gave it, for the last time.
    let hostile = unsafe { Box::from_raw(instance.cast::<Hostile>()) };
    hostile.act();
    SEEN.store(hostile.seen.load(Ordering::Relaxed), Ordering::Relaxed);
}

const ENTRIES: Entries = Entries {
    create,
    start: plain,
    deliver,
    socket_events,
    resume: with_number,
    shutdown: with_number,
    destroy,
    timer: Some(timer),
    webhook: Some(webhook),
};

#[test]
fn a_plugin_that_calls_anything_at_any_time_breaks_nothing_and_each_message_is_answered_once() {
    fuzz("plugin", 4_000, 4096, |bytes| {
        let mut input = Input::of(bytes);
        let (script, listener, mut stray, mut late) = (input.part(), input.part(), input.part(), input.part());
        let mut stage = Stage::new(listener);
        NEXT.set(Some(Made { script, listener: Arc::clone(&stage.listener) }));
        let callbacks = Arc::clone(&stage.instance) as Arc<dyn Callbacks>;
        let body = Body::Here(Local::new(ENTRIES, stage.instance.id, callbacks));
        let listener = Arc::clone(&stage.listener);
        let outcome = std::thread::scope(|scope| {
            if !stray.is_empty() {
                // A thread of the plugin, which goes on while the host does anything else.
                scope.spawn(move || {
                    let api = listener.api.wait();
                    while !stray.is_empty() {
                        hostile::call(api, &mut stray);
                    }
                });
            }
            stage.play(body, &mut input)
        });
        if let Some(api) = stage.listener.api.get() {
            hostile::assert_closed(api, &mut late);
        }
        mark((outcome, SEEN.load(Ordering::Relaxed)))
    });
}
