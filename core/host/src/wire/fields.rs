//! The fields of a frame, written and read one after the other.

use std::fmt;

use super::Service;
use crate::calls::{Message, Request, SocketNews};

/// Appends the fields of one frame.
pub(crate) struct Put<'a> {
    out: &'a mut Vec<u8>,
    /// Where the frame's length goes.
    at: usize,
}

impl<'a> Put<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        out.extend([0; 4]);
        Put { out, at }
    }

    pub(super) fn end(self) {
        let len = (self.out.len() - self.at - 4) as u32;
        self.out[self.at..self.at + 4].copy_from_slice(&len.to_le_bytes());
    }

    pub(super) fn u8(self, n: u8) -> Self {
        self.out.push(n);
        self
    }

    pub(super) fn flag(self, is: bool) -> Self {
        self.u8(u8::from(is))
    }

    pub(super) fn u16(self, n: u16) -> Self {
        self.out.extend(n.to_le_bytes());
        self
    }

    pub(super) fn u32(self, n: u32) -> Self {
        self.out.extend(n.to_le_bytes());
        self
    }

    pub(super) fn i32(self, n: i32) -> Self {
        self.out.extend(n.to_le_bytes());
        self
    }

    pub(super) fn u64(self, n: u64) -> Self {
        self.out.extend(n.to_le_bytes());
        self
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let put = self.u32(bytes.len() as u32);
        put.out.extend_from_slice(bytes);
        put
    }

    pub(super) fn each<T>(self, items: &[T], put: impl Fn(Self, &T) -> Self) -> Self {
        items.iter().fold(self.u32(items.len() as u32), put)
    }

    pub(super) fn message(self, m: &Message<'_>) -> Self {
        self.u16(m.kind).u64(m.link).u64(m.corr).bytes(m.payload)
    }

    pub(super) fn socket_news(self, e: &SocketNews<'_>) -> Self {
        self.u16(e.what).u64(e.socket).bytes(e.data)
    }

    pub(super) fn request(self, r: &Request<'_>) -> Self {
        let texts = [r.method, r.path, r.query, r.headers, r.principal];
        texts.iter().fold(self.u64(r.id), |put, text| put.bytes(text.as_bytes())).bytes(r.body)
    }

    pub(super) fn service(self, service: &Service<'_>) -> Self {
        match service {
            Service::KvGet { key } => self.u8(1).bytes(key),
            Service::KvPut { key, value } => self.u8(2).bytes(key).bytes(value),
            Service::KvDelete { key } => self.u8(3).bytes(key),
            Service::KvKeys { prefix } => self.u8(4).bytes(prefix),
            Service::Secret { name } => self.u8(5).bytes(name),
            Service::Principal { link } => self.u8(6).u64(*link),
            Service::WebhookReply { request, status, kind, body } => {
                self.u8(7).u64(*request).u16(*status).bytes(kind).bytes(body)
            }
        }
    }
}

/// Reads fields off the front of a frame.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(frame: &'a [u8]) -> Self {
        Fields(frame)
    }

    /// There is nothing after the last field.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Long(self.0.len())) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Flag),
        }
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(len).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Text)
    }

    /// Reads a counted list. It takes no more memory than the frame has bytes, whatever the count says.
    pub(super) fn each<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let n = self.u32()? as usize;
        let mut items = Vec::with_capacity(n.min(self.0.len() / size_of::<T>()));
        for _ in 0..n {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub(super) fn message(&mut self) -> Result<Message<'a>, Malformed> {
        Ok(Message { kind: self.u16()?, link: self.u64()?, corr: self.u64()?, payload: self.bytes()? })
    }

    pub(super) fn socket_news(&mut self) -> Result<SocketNews<'a>, Malformed> {
        Ok(SocketNews { what: self.u16()?, socket: self.u64()?, data: self.bytes()? })
    }

    pub(super) fn request(&mut self) -> Result<Request<'a>, Malformed> {
        Ok(Request {
            id: self.u64()?,
            method: self.text()?,
            path: self.text()?,
            query: self.text()?,
            headers: self.text()?,
            principal: self.text()?,
            body: self.bytes()?,
        })
    }

    pub(super) fn service(&mut self) -> Result<Service<'a>, Malformed> {
        Ok(match self.u8()? {
            1 => Service::KvGet { key: self.bytes()? },
            2 => Service::KvPut { key: self.bytes()?, value: self.bytes()? },
            3 => Service::KvDelete { key: self.bytes()? },
            4 => Service::KvKeys { prefix: self.bytes()? },
            5 => Service::Secret { name: self.bytes()? },
            6 => Service::Principal { link: self.u64()? },
            7 => Service::WebhookReply {
                request: self.u64()?,
                status: self.u16()?,
                kind: self.bytes()?,
                body: self.bytes()?,
            },
            other => return Err(Malformed::Kind(other)),
        })
    }
}

/// Why bytes are no frame. Completes "it sent …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    Kind(u8),
    Short,
    Long(usize),
    Flag,
    Text,
    Size(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Kind(kind) => write!(f, "a frame of the unknown kind {kind}"),
            Malformed::Short => f.write_str("a frame that ends within a field"),
            Malformed::Long(rest) => write!(f, "a frame with {rest} bytes after its last field"),
            Malformed::Flag => f.write_str("a flag that is neither 0 nor 1"),
            Malformed::Text => f.write_str("a text that is not UTF-8"),
            Malformed::Size(len) => write!(f, "a frame of {len} bytes"),
        }
    }
}
