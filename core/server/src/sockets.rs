//! WebSockets that the server holds for transport plugins: it does the I/O and nothing else.
//!
//! The one file that knows `actix-web-actors` for peers, so that another library would change only this.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler, WrapFuture};
use actix_http::ws::Item;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::StreamExt;
use tieline_engine::{
    port::{Mounted, Mounts, SocketSink},
    presence::Link,
};
use tieline_model::{Code, Refusal};
use tokio::sync::mpsc;

use crate::{answer, resources, security::Caller, serve::State};

/// How often the other end is asked whether it is there; twice without an answer ends the socket.
const PING: Duration = Duration::from_secs(15);
/// How much may wait to be written before the other end counts as too slow.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// When it is worth asking again for a transport that takes sockets soon. A swap takes some milliseconds.
const SOON_MS: u64 = 100;
/// Close codes of `docs/protocol/websocket.md`.
const TOO_LARGE: u16 = 1009;
const TOO_SLOW: u16 = 1013;

enum Out {
    Frame(bool, Bytes),
    Close(u16, String),
}

/// The transport's end of a socket.
struct Sink {
    out: mpsc::UnboundedSender<Out>,
    waiting: Arc<AtomicUsize>,
}

impl SocketSink for Sink {
    fn send(&self, is_text: bool, data: Bytes) -> bool {
        let size = data.len();
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > MAX_WAITING_BYTES {
            self.close(TOO_SLOW, "too slow to take what is sent");
            return false;
        }
        self.out.send(Out::Frame(is_text, data)).is_ok()
    }

    fn close(&self, code: u16, reason: &str) {
        // An error means that the socket has closed already.
        let _ = self.out.send(Out::Close(code, reason.to_owned()));
    }
}

/// A path that a transport has mounted, or nothing.
pub async fn upgrade(
    request: HttpRequest,
    stream: web::Payload,
    caller: Caller,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    let Some(sockets) = state.mounts.clone() else { return Ok(resources::not_found(request).await) };
    match sockets.mounted(request.path()) {
        Mounted::Open => {}
        Mounted::Soon => {
            let mut refusal = Refusal::new(Code::Busy, "the transport is being started or replaced; connect again");
            refusal.retry_after_ms = Some(SOON_MS);
            return Ok(answer::refusal(refusal));
        }
        Mounted::Nobody => return Ok(resources::not_found(request).await),
    }
    let (out, outbound) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let socket = Socket {
        path: request.path().to_owned(),
        caller,
        sockets,
        link: None,
        sink: Arc::new(Sink { out, waiting: Arc::clone(&waiting) }),
        outbound: Some(outbound),
        waiting,
        inbound: Vec::new(),
        partial: BytesMut::new(),
        partial_is_text: true,
        missed: 0,
        max_frame: state.max_body_bytes,
        in_flight: state.in_flight,
        close_code: None,
    };
    ws::WsResponseBuilder::new(socket, &request, stream)
        .protocols(&["tieline.v1"])
        .frame_size(state.max_body_bytes)
        .start()
}

struct Socket {
    path: String,
    caller: Caller,
    sockets: Arc<dyn Mounts>,
    link: Option<Arc<Link>>,
    sink: Arc<Sink>,
    outbound: Option<mpsc::UnboundedReceiver<Out>>,
    waiting: Arc<AtomicUsize>,
    inbound: Vec<(bool, Bytes)>,
    partial: BytesMut,
    partial_is_text: bool,
    missed: u8,
    max_frame: usize,
    in_flight: u32,
    close_code: Option<u16>,
}

type Context = ws::WebsocketContext<Socket>;

impl Actor for Socket {
    type Context = Context;

    fn started(&mut self, ctx: &mut Context) {
        let sink = Arc::clone(&self.sink) as Arc<dyn SocketSink>;
        self.link = self.sockets.open(&self.path, Arc::clone(&self.caller.0), sink);
        if self.link.is_none() {
            return self.close(ctx, 1012, "the transport is not running");
        }
        if let Some(outbound) = self.outbound.take() {
            let outbound = tokio_stream::wrappers::UnboundedReceiverStream::new(outbound);
            ctx.add_stream(outbound.ready_chunks(64));
        }
        ctx.run_interval(PING, |socket, ctx| {
            socket.missed += 1;
            if socket.missed > 2 {
                return socket.close(ctx, TOO_SLOW, "no sign of life");
            }
            ctx.ping(b"");
        });
    }

    fn stopped(&mut self, ctx: &mut Context) {
        // What came just before the end still counts.
        self.hand_over(ctx);
        if let Some(link) = self.link.take() {
            self.sockets.closed(link.id, self.close_code);
        }
    }
}

impl Socket {
    fn close(&mut self, ctx: &mut Context, code: u16, reason: &str) {
        self.close_code.get_or_insert(code);
        ctx.close(Some(ws::CloseReason { code: code.into(), description: Some(reason.to_owned()) }));
        ctx.stop();
    }

    /// Takes a frame. Those that were read together are handed over together, once the last of them was taken.
    fn take(&mut self, is_text: bool, data: Bytes, ctx: &mut Context) {
        self.inbound.push((is_text, data));
        if self.inbound.len() == 1 {
            ctx.spawn(std::future::ready(()).into_actor(self).map(|(), socket, ctx| socket.hand_over(ctx)));
        }
    }

    fn hand_over(&mut self, ctx: &mut Context) {
        let frames = std::mem::take(&mut self.inbound);
        let Some(link) = self.link.as_ref().filter(|_| !frames.is_empty()) else { return };
        if !self.sockets.frames(link.id, frames) {
            return self.close(ctx, 1012, "the transport was stopped");
        }
        if link.is_congested(self.in_flight) {
            // Reading stops until answers have gone out: the sender's own connection slows it down.
            let (link, limit) = (Arc::clone(link), self.in_flight);
            ctx.wait(async move { link.has_room(limit).await }.into_actor(self));
        }
    }

    fn take_part(&mut self, item: Item, ctx: &mut Context) {
        let (part, is_last) = match item {
            Item::FirstText(part) => {
                self.partial_is_text = true;
                self.partial.clear();
                (part, false)
            }
            Item::FirstBinary(part) => {
                self.partial_is_text = false;
                self.partial.clear();
                (part, false)
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        if self.partial.len() + part.len() > self.max_frame {
            return self.close(ctx, TOO_LARGE, "a frame is too large");
        }
        self.partial.extend_from_slice(&part);
        if is_last {
            let whole = self.partial.split().freeze();
            self.take(self.partial_is_text, whole, ctx);
        }
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Context) {
        self.missed = 0;
        match message {
            Ok(ws::Message::Text(text)) => self.take(true, text.into_bytes(), ctx),
            Ok(ws::Message::Binary(data)) => self.take(false, data, ctx),
            Ok(ws::Message::Continuation(item)) => self.take_part(item, ctx),
            Ok(ws::Message::Ping(data)) => ctx.pong(&data),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Close(reason)) => {
                self.close_code = reason.as_ref().map(|reason| reason.code.into());
                ctx.close(reason);
                ctx.stop();
            }
            Err(ws::ProtocolError::Overflow) => self.close(ctx, TOO_LARGE, "a frame is too large"),
            Err(_) => self.close(ctx, 1002, "not a WebSocket frame"),
        }
    }

    fn finished(&mut self, ctx: &mut Context) {
        ctx.stop();
    }
}

impl StreamHandler<Vec<Out>> for Socket {
    fn handle(&mut self, batch: Vec<Out>, ctx: &mut Context) {
        for out in batch {
            match out {
                Out::Frame(is_text, data) => {
                    self.waiting.fetch_sub(data.len(), Ordering::Relaxed);
                    match ByteString::try_from(data.clone()) {
                        Ok(text) if is_text => ctx.text(text),
                        _ => ctx.binary(data),
                    }
                }
                Out::Close(code, reason) => self.close(ctx, code, &reason),
            }
        }
    }

    fn finished(&mut self, _: &mut Context) {}
}
