//! Fuzzes what the SDK makes of a transport with a host that calls it in any order and with anything.
#![allow(unsafe_code)]

use std::{cell::RefCell, collections::HashMap, ffi::c_void, sync::Mutex, time::Duration};

use tieline_plugin_sdk::{
    Completion, Config, Error, Flow, Frame, Host, Manifest, Message, Opened, SocketId, TimerId, Transport,
    WebhookReply, WebhookRequest,
    abi::{self, Bytes, HostApi, MsgView, PluginDecl, SocketEvent},
};

use super::{
    exact::Exact,
    harness::fuzz,
    hostile::Lent,
    input::{Input, mark},
};
use crate::lock;

/// A transport that does what it is told, also badly.
pub(super) struct Actor {
    host: Host,
    kept: Mutex<Vec<Completion>>,
}

impl Actor {
    fn told(&self, by: Option<&u8>) {
        match by {
            Some(b'p') => panic!("it was told to"),
            Some(b'd') => lock(&self.kept).clear(),
            Some(b'i') => {
                let message = Message { link: 1, kind: tieline_plugin_sdk::Kind::Command, corr: 0, payload: b"{}" };
                let _flow = self.host.inbound(message);
            }
            _ => {}
        }
    }
}

impl Transport for Actor {
    const MANIFEST: Manifest = Manifest::new("actor", "1.0.0").webhooks(&["/hooks/actor"]);
    type Config = Config;

    fn start(host: Host, config: Config) -> Result<Self, Error> {
        assert!(config.get("panic").is_none(), "it was told to");
        Ok(Actor { host, kept: Mutex::default() })
    }
    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        self.told(message.payload.get(1));
        match message.payload.first() {
            Some(b'k') => lock(&self.kept).push(done),
            Some(b'w') => return Flow::WouldBlock,
            Some(b'c') => return Flow::Closed,
            Some(b'f') => done.failed("it was told to"),
            Some(b'a') => {
                done.ok();
                return Flow::WouldBlock;
            }
            Some(b'd') => {}
            _ => done.ok(),
        }
        Flow::Accepted
    }
    fn socket_opened(&self, _: SocketId, opened: Opened<'_>) {
        self.told(opened.path.as_bytes().first());
    }
    fn socket_frame(&self, _: SocketId, frame: Frame<'_>) {
        match frame {
            Frame::Text(text) => self.told(text.as_bytes().first()),
            Frame::Binary(data) => self.told(data.first()),
        }
    }
    fn timer(&self, timer: TimerId) {
        self.told(Some(&(timer.0 as u8)));
    }
    fn webhook(&self, request: WebhookRequest<'_>, reply: WebhookReply) {
        self.told(request.body.first());
        drop(reply);
    }
    fn stop(&self, deadline: Duration) {
        assert!(deadline != Duration::from_millis(7), "it was told to");
    }
}

thread_local! {
    /// How often each message was answered.
    static ANSWERED: RefCell<HashMap<u64, u32>> = RefCell::default();
}

unsafe extern "C" fn complete(_: *const c_void, token: u64, _: i32, detail: Bytes) {
    // SAFETY: the SDK lends the detail for the call.
    assert!(unsafe { detail.as_slice() }.is_some());
    ANSWERED.with_borrow_mut(|answered| *answered.entry(token).or_default() += 1);
}

unsafe extern "C" fn fault(_: *const c_void, reason: Bytes) {
    // SAFETY: the SDK lends the reason for the call.
    assert!(unsafe { reason.as_slice() }.is_some());
}

unsafe extern "C" fn inbound(_: *const c_void, _: *const MsgView, n: u32, taken: *mut u32) -> i32 {
    // SAFETY: the SDK lends it for the call. More than there were is a lie.
    unsafe { taken.write(n.wrapping_add(7)) };
    abi::WOULD_BLOCK
}

static API: HostApi =
    HostApi { inbound: Some(inbound), complete: Some(complete), fault: Some(fault), ..HostApi::EMPTY };

/// What a host knows of one instance.
#[derive(Default)]
struct Known {
    raw: Option<*mut c_void>,
    next: u64,
    accepted: Vec<u64>,
    is_stopped: bool,
}

#[test]
fn a_host_that_calls_in_any_order_and_with_anything_breaks_no_transport() {
    fuzz("sdk", 10_000, 2048, |bytes| {
        let (mut input, mut known, mut marks) = (Input::of(bytes), Known::default(), 0);
        ANSWERED.take();
        let plugin = tieline_plugin_sdk::declaration::<Actor>();
        while !input.is_empty() {
            let status = step(plugin, &mut input, &mut known);
            marks |= 1u64 << (status.rem_euclid(60));
        }
        let _void = destroy(plugin, &mut known);
        mark(marks)
    });
}

/// The functions that a host passes: smaller ones are there as a whole and no further, and live for ever.
fn api(input: &mut Input) -> *const HostApi {
    let size = match input.u8() {
        0 => return std::ptr::null(),
        1 => u32::from(input.u8()),
        2 => 72,
        3 => 72 + u32::from(input.u8() % 72),
        _ => size_of::<HostApi>() as u32,
    };
    let mut block = Exact::zeros(size.max(4) as usize);
    // SAFETY: plain data; all of it is initialised.
    let image = unsafe { std::slice::from_raw_parts((&raw const API).cast::<u8>(), size_of::<HostApi>()) };
    block.put(0, image);
    block.put(0, &size.to_le_bytes());
    let api = block.ptr::<HostApi>().cast_const();
    std::mem::forget(block);
    api
}

fn step(plugin: &PluginDecl, input: &mut Input, known: &mut Known) -> i32 {
    const HERE: &str = "the SDK has every function";
    let mut lent = Lent::default();
    let what = input.u8() % 16;
    // Null is what a host passes that was never given anything.
    let raw = known.raw.unwrap_or(std::ptr::null_mut());
    // SAFETY: everything is lent for the call; the instance is null or was made here and is not destroyed.
    unsafe {
        match what {
            0 | 1 if known.raw.is_none() => {
                let config = if input.u8() > 20 { Bytes::of(b"{}") } else { lent.bytes(input) };
                let mut out = std::ptr::null_mut();
                let to = if input.u8() == 255 { std::ptr::null_mut() } else { &raw mut out };
                let status = plugin.create.expect(HERE)(api(input), config, to);
                assert_eq!(status == abi::OK, !out.is_null());
                *known = Known { raw: (status == abi::OK).then_some(out), next: known.next, ..Known::default() };
                status
            }
            2 => {
                let status = plugin.start.expect(HERE)(raw);
                assert!(status != abi::OK || !known.is_stopped, "it has started after its end");
                status
            }
            3..=6 => deliver(plugin, raw, input, known, &mut lent),
            7 => {
                let n = usize::from(input.u8() % 4);
                let events: Vec<SocketEvent> = (0..n).map(|_| event(input, &mut lent)).collect();
                plugin.socket_events.expect(HERE)(raw, events.as_ptr(), n as u32)
            }
            8 => plugin.resume.expect(HERE)(raw, input.u32()),
            9 => plugin.command.expect(HERE)(raw, lent.bytes(input), input.u64()),
            10 => plugin.timer.expect(HERE)(raw, input.u64()),
            11 => webhook(plugin, raw, input, &mut lent),
            12 if input.u8() > 100 => {
                let status = plugin.shutdown.expect(HERE)(raw, u32::from(input.u8() % 16));
                known.is_stopped |= !raw.is_null();
                status
            }
            13 if input.u8() > 200 => destroy(plugin, known),
            _ => abi::OK,
        }
    }
}

fn event(input: &mut Input, lent: &mut Lent) -> SocketEvent {
    let data = match input.u8() % 4 {
        0 => Bytes::of(br#"{"path":"/p","principal":{}}"#),
        1 => Bytes::of(b"p"),
        _ => lent.bytes(input),
    };
    let size = size_of::<SocketEvent>() as u32;
    SocketEvent { size, what: u16::from(input.u8() % 7), _pad: 0, socket: input.number(), data }
}

/// # Safety
/// `raw` is null or an instance.
unsafe fn deliver(plugin: &PluginDecl, raw: *mut c_void, input: &mut Input, known: &mut Known, lent: &mut Lent) -> i32 {
    const TOLD: [&[u8]; 10] = [b"k", b"w", b"c", b"f", b"a", b"d", b"o", b"kp", b"kd", b"oi"];
    let (n, shape) = (usize::from(input.u8() % 5), input.u8());
    let views: Vec<MsgView> = (0..n)
        .map(|_| {
            let payload = match input.u8() {
                told @ 0..200 => Bytes::of(TOLD[usize::from(told) % TOLD.len()]),
                _ => lent.bytes(input),
            };
            let (kind, size) = (u16::from(input.u8() % 11), size_of::<MsgView>() as u32);
            MsgView { size, kind, flags: 0, link: input.number(), corr: input.u64(), payload }
        })
        .collect();
    let (first, count) = match shape {
        0 => (std::ptr::null(), n as u32),
        1 => (views.as_ptr().wrapping_byte_add(2), n as u32),
        _ => (views.as_ptr(), n as u32),
    };
    let mut accepted = u32::MAX;
    let to = if shape == 2 { std::ptr::null_mut() } else { &raw mut accepted };
    let call = plugin.deliver.expect("the SDK has every function");
    // SAFETY: everything is lent for the call, and the caller vouches for the instance.
    let status = unsafe { call(raw, first, count, known.next, to) };
    let accepted = if accepted == u32::MAX { 0 } else { accepted };
    assert!(accepted as usize <= n && (status != abi::OK || accepted as usize == n));
    known.accepted.extend((0..u64::from(accepted)).map(|i| known.next + i));
    known.next += n as u64;
    status
}

/// # Safety
/// `raw` is null or an instance.
unsafe fn webhook(plugin: &PluginDecl, raw: *mut c_void, input: &mut Input, lent: &mut Lent) -> i32 {
    let texts: [&[u8]; 6] = [b"POST", b"/hooks/actor", b"", b"[]", b"{}", b"p"];
    let mut fields = texts.map(|text| if input.u8() > 30 { Bytes::of(text) } else { lent.bytes(input) });
    if input.u8() < 128 {
        fields[5] = Bytes::EMPTY;
    }
    let [method, path, query, headers, principal, body] = fields;
    let size = input.one_of(&[112, 112, 112, 112, 0, 8, 116, 5000]);
    let request = abi::WebhookRequest { size, _pad: 0, id: input.u64(), method, path, query, headers, principal, body };
    let request = if input.u8() == 0 { std::ptr::null() } else { &raw const request };
    // SAFETY: everything is lent for the call, and the caller vouches for the instance.
    unsafe { plugin.webhook.expect("the SDK has every function")(raw, request) }
}

/// Destroys the instance, and counts: what was accepted was answered once, what was not at most once.
fn destroy(plugin: &PluginDecl, known: &mut Known) -> i32 {
    let raw = known.raw.take().unwrap_or(std::ptr::null_mut());
    // SAFETY: null, or made here and destroyed for the last time.
    unsafe { plugin.destroy.expect("the SDK has every function")(raw) };
    ANSWERED.with_borrow(|answered| {
        for token in &known.accepted {
            assert_eq!(answered.get(token), Some(&1), "how often the message {token} was answered");
        }
        assert!(answered.values().all(|&times| times == 1), "{answered:?}");
    });
    known.accepted.clear();
    abi::OK
}
