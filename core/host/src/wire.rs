//! What a host and the process of a plugin say to each other, as bytes.
//!
//! A frame is a length (u32), what it is (u8), and its fields one after the other: numbers in little endian, bytes with
//! their length (u32) before them. Both ends are the same program, so there is one version; [`PROTOCOL`] tells a program
//! that was replaced meanwhile. The host trusts nothing that it reads: every length is held against what is there.

mod fields;
mod framing;

use std::borrow::Cow;

pub(crate) use fields::Malformed;
use fields::{Fields, Put};
pub(crate) use framing::Frames;

use crate::calls::{Message, Request, SocketNews};

/// Changes with every change of the frames.
pub(crate) const PROTOCOL: u32 = 1;

/// The longest frame from a plugin's process: the largest payload, and room for the fields around it.
pub(crate) const MOST_FROM_CHILD: usize = crate::api::MOST_PAYLOAD + (64 << 10);
/// The longest frame to a plugin's process: the largest frame of a socket that can be configured, and more.
pub(crate) const MOST_TO_CHILD: usize = 128 << 20;

/// What the host says. All but the last two are calls, and each is answered by one [`FromChild::Reply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToChild<'a> {
    /// Limit yourself and open the library. The reply has the manifest, or the problem, as JSON.
    Open {
        protocol: u32,
        memory_bytes: u64,
        open_files: u64,
    },
    Create {
        config: &'a str,
    },
    Start,
    Deliver {
        base: u64,
        messages: Cow<'a, [Message<'a>]>,
    },
    Sockets {
        events: Cow<'a, [SocketNews<'a>]>,
    },
    Timer {
        id: u64,
    },
    Webhook {
        request: Request<'a>,
    },
    /// Room that was used is free again, and the plugin has to be told.
    Resume {
        credits: u32,
        messages: u32,
        bytes: u64,
    },
    Shutdown {
        deadline_ms: u32,
    },
    Destroy,
    /// Are you there?
    Ping,
    /// Room that was used is free again.
    Credit {
        messages: u32,
        bytes: u64,
    },
    /// What came of a [`FromChild::Ask`].
    Answer {
        id: u64,
        status: i32,
        data: &'a [u8],
    },
}

const CREDIT: u8 = 12;
const ANSWER: u8 = 13;

/// What the process of a plugin says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FromChild<'a> {
    /// The call has returned.
    Reply {
        status: i32,
        accepted: u32,
        data: &'a [u8],
    },
    /// Messages, within the room that there is.
    Inbound {
        messages: Cow<'a, [Message<'a>]>,
    },
    /// There was no room for a message, and the plugin waits for a resume.
    Blocked,
    Complete {
        token: u64,
        status: i32,
        detail: &'a [u8],
    },
    Writable,
    Log {
        level: u8,
        target: &'a [u8],
        json: &'a [u8],
    },
    Fault {
        is_in_call: bool,
        reason: &'a [u8],
    },
    SocketSend {
        socket: u64,
        is_text: bool,
        data: &'a [u8],
    },
    SocketClose {
        socket: u64,
        code: u16,
        reason: &'a [u8],
    },
    Timer {
        id: u64,
        after_ms: u64,
    },
    Metric {
        kind: u8,
        name: &'a [u8],
        value: f64,
        labels: &'a [u8],
    },
    /// Whoever asks waits for the [`ToChild::Answer`] with this number.
    Ask {
        id: u64,
        service: Service<'a>,
    },
}

/// A service whose result somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service<'a> {
    KvGet { key: &'a [u8] },
    KvPut { key: &'a [u8], value: &'a [u8] },
    KvDelete { key: &'a [u8] },
    KvKeys { prefix: &'a [u8] },
    Secret { name: &'a [u8] },
    Principal { link: u64 },
    WebhookReply { request: u64, status: u16, kind: &'a [u8], body: &'a [u8] },
}

impl Service<'_> {
    /// Tells whether it may wait for the disk.
    pub(crate) fn may_wait(&self) -> bool {
        !matches!(self, Service::Principal { .. } | Service::WebhookReply { .. })
    }
}

/// Tells whether a frame to a plugin's process is a call, without reading it.
pub(crate) fn is_call(frame: &[u8]) -> bool {
    !matches!(frame.first(), Some(&(CREDIT | ANSWER)))
}

impl<'a> ToChild<'a> {
    /// Appends the frame.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let frame = Put::begin(out);
        match self {
            ToChild::Open { protocol, memory_bytes, open_files } => {
                frame.u8(1).u32(*protocol).u64(*memory_bytes).u64(*open_files)
            }
            ToChild::Create { config } => frame.u8(2).bytes(config.as_bytes()),
            ToChild::Start => frame.u8(3),
            ToChild::Deliver { base, messages } => frame.u8(4).u64(*base).each(messages, Put::message),
            ToChild::Sockets { events } => frame.u8(5).each(events, Put::socket_news),
            ToChild::Timer { id } => frame.u8(6).u64(*id),
            ToChild::Webhook { request } => frame.u8(7).request(request),
            ToChild::Resume { credits, messages, bytes } => frame.u8(8).u32(*credits).u32(*messages).u64(*bytes),
            ToChild::Shutdown { deadline_ms } => frame.u8(9).u32(*deadline_ms),
            ToChild::Destroy => frame.u8(10),
            ToChild::Ping => frame.u8(11),
            ToChild::Credit { messages, bytes } => frame.u8(CREDIT).u32(*messages).u64(*bytes),
            ToChild::Answer { id, status, data } => frame.u8(ANSWER).u64(*id).i32(*status).bytes(data),
        }
        .end();
    }

    /// Reads a frame without its length.
    pub(crate) fn decode(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut f = Fields::of(frame);
        let read = match f.u8()? {
            1 => ToChild::Open { protocol: f.u32()?, memory_bytes: f.u64()?, open_files: f.u64()? },
            2 => ToChild::Create { config: f.text()? },
            3 => ToChild::Start,
            4 => ToChild::Deliver { base: f.u64()?, messages: f.each(Fields::message)?.into() },
            5 => ToChild::Sockets { events: f.each(Fields::socket_news)?.into() },
            6 => ToChild::Timer { id: f.u64()? },
            7 => ToChild::Webhook { request: f.request()? },
            8 => ToChild::Resume { credits: f.u32()?, messages: f.u32()?, bytes: f.u64()? },
            9 => ToChild::Shutdown { deadline_ms: f.u32()? },
            10 => ToChild::Destroy,
            11 => ToChild::Ping,
            CREDIT => ToChild::Credit { messages: f.u32()?, bytes: f.u64()? },
            ANSWER => ToChild::Answer { id: f.u64()?, status: f.i32()?, data: f.bytes()? },
            other => return Err(Malformed::Kind(other)),
        };
        f.end()?;
        Ok(read)
    }
}

impl<'a> FromChild<'a> {
    /// Appends the frame.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let frame = Put::begin(out);
        match self {
            FromChild::Reply { status, accepted, data } => frame.u8(65).i32(*status).u32(*accepted).bytes(data),
            FromChild::Inbound { messages } => frame.u8(66).each(messages, Put::message),
            FromChild::Blocked => frame.u8(67),
            FromChild::Complete { token, status, detail } => frame.u8(68).u64(*token).i32(*status).bytes(detail),
            FromChild::Writable => frame.u8(69),
            FromChild::Log { level, target, json } => frame.u8(70).u8(*level).bytes(target).bytes(json),
            FromChild::Fault { is_in_call, reason } => frame.u8(71).flag(*is_in_call).bytes(reason),
            FromChild::SocketSend { socket, is_text, data } => frame.u8(72).u64(*socket).flag(*is_text).bytes(data),
            FromChild::SocketClose { socket, code, reason } => frame.u8(73).u64(*socket).u16(*code).bytes(reason),
            FromChild::Timer { id, after_ms } => frame.u8(74).u64(*id).u64(*after_ms),
            FromChild::Metric { kind, name, value, labels } => {
                frame.u8(75).u8(*kind).bytes(name).u64(value.to_bits()).bytes(labels)
            }
            FromChild::Ask { id, service } => frame.u8(76).u64(*id).service(service),
        }
        .end();
    }

    /// Reads a frame without its length.
    pub(crate) fn decode(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut f = Fields::of(frame);
        let read = match f.u8()? {
            65 => FromChild::Reply { status: f.i32()?, accepted: f.u32()?, data: f.bytes()? },
            66 => FromChild::Inbound { messages: f.each(Fields::message)?.into() },
            67 => FromChild::Blocked,
            68 => FromChild::Complete { token: f.u64()?, status: f.i32()?, detail: f.bytes()? },
            69 => FromChild::Writable,
            70 => FromChild::Log { level: f.u8()?, target: f.bytes()?, json: f.bytes()? },
            71 => FromChild::Fault { is_in_call: f.flag()?, reason: f.bytes()? },
            72 => FromChild::SocketSend { socket: f.u64()?, is_text: f.flag()?, data: f.bytes()? },
            73 => FromChild::SocketClose { socket: f.u64()?, code: f.u16()?, reason: f.bytes()? },
            74 => FromChild::Timer { id: f.u64()?, after_ms: f.u64()? },
            75 => FromChild::Metric {
                kind: f.u8()?,
                name: f.bytes()?,
                value: f64::from_bits(f.u64()?),
                labels: f.bytes()?,
            },
            76 => FromChild::Ask { id: f.u64()?, service: f.service()? },
            other => return Err(Malformed::Kind(other)),
        };
        f.end()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
