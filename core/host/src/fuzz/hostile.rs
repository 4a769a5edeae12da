//! Calls of the host as no honest plugin makes them.
#![allow(unsafe_code)]

use std::ffi::c_void;

use tieline_plugin_sdk::abi::{self, Bytes, HostApi, MsgView};

use super::{exact::Exact, input::Input};

/// What is lent for one call.
#[derive(Default)]
pub(super) struct Lent(Vec<Exact>);

impl Lent {
    /// Lends a block.
    pub(super) fn block(&mut self, block: Exact) -> Bytes {
        let bytes = block.bytes();
        self.0.push(block);
        bytes
    }

    /// Lends bytes, or what only looks like some.
    pub(super) fn bytes(&mut self, input: &mut Input) -> Bytes {
        const WORDS: [&[u8]; 10] = [
            b"{}",
            b"key",
            b"requests_total",
            b"text/plain",
            b"{\"a\":\"b\"}",
            b"\xff\xfe",
            b"",
            b"[",
            b"n\nn",
            b"tok-en",
        ];
        match input.u8() {
            0 => Bytes { ptr: std::ptr::null(), len: input.u64() as usize },
            1 => Bytes { len: usize::MAX - usize::from(input.u8()), ..self.block(Exact::of(b"short")) },
            // Too long for anything that is passed here, and refused without a look.
            2 => Bytes { len: (64 << 20) + input.u32() as usize, ..self.block(Exact::of(b"short")) },
            3 => Bytes { ptr: std::ptr::without_provenance(usize::MAX), len: 0 },
            4 => self.block(Exact::of(&vec![b'x'; 70 << 10])),
            word @ 5..80 => self.block(Exact::of(WORDS[usize::from(word) % WORDS.len()])),
            _ => {
                let piece = input.piece();
                self.block(Exact::of(&piece))
            }
        }
    }

    /// Lends messages, or what only looks like some.
    fn messages(&mut self, input: &mut Input) -> (*const MsgView, u32) {
        let (shape, n) = (input.u8() % 16, u32::from(input.u8() % 6));
        let size = input.one_of(&[40u32, 40, 40, 48, 64, 4096, 0, 39, 44, 4104, u32::MAX]);
        let is_size = (40..=4096).contains(&size) && size.is_multiple_of(8);
        let count = if is_size { n as usize } else { 1 };
        let mut block = Exact::zeros(if is_size { size as usize * count } else { 40 });
        for i in 0..count {
            let payload = self.bytes(input);
            let kind = u16::from(input.u8() % 11);
            let view = MsgView { size, kind, flags: input.u16(), link: input.number(), corr: input.number(), payload };
            let stride = if is_size { size as usize } else { 40 };
            if i * stride + 40 <= block.bytes().len {
                // SAFETY: within the block, which is aligned.
                unsafe { block.ptr::<u8>().add(i * stride).cast::<MsgView>().write(view) };
            }
        }
        if count > 1 {
            // Only the first one's counts.
            block.put(size as usize, &input.u32().to_le_bytes());
        }
        let first = self.block(block).ptr.cast::<MsgView>();
        match shape {
            0 => (std::ptr::null(), input.u32()),
            1 => (first.wrapping_byte_add(1), n),
            // More than may come at once, and refused without a look.
            2 => (first, u32::MAX - u32::from(input.u8())),
            _ => (first, if is_size { n } else { n.max(1) }),
        }
    }

    /// Lends room for a value.
    fn room(&mut self, input: &mut Input) -> (*mut u8, usize) {
        match input.u8() % 4 {
            0 => (std::ptr::null_mut(), input.u64() as usize),
            _ => {
                let len = usize::from(input.u8());
                (self.block(Exact::zeros(len)).ptr.cast_mut(), len)
            }
        }
    }
}

/// Makes one call, and returns which one with what came of it, where something does.
pub(super) fn call(api: &HostApi, input: &mut Input) -> (u8, Option<i64>) {
    let mut lent = Lent::default();
    let (ctx, what) = (api.ctx, input.u8() % 18);
    const HERE: &str = "the host has every function";
    // SAFETY: everything is lent for the call, and as large as it says as far as the host may look.
    let came = unsafe {
        match what {
            0..=2 => {
                let (first, n) = lent.messages(input);
                let mut taken = u32::MAX;
                let to = if input.u8() == 255 { std::ptr::null_mut() } else { &raw mut taken };
                let status = api.inbound.expect(HERE)(ctx, first, n, to);
                assert!(taken == u32::MAX || taken <= n, "{taken} of {n} were taken");
                assert!(status != abi::OK || taken == n, "all were taken, and {taken} of {n} too");
                Some(i64::from(status))
            }
            3 | 4 => {
                let token = input.number();
                api.complete.expect(HERE)(ctx, token, i32::from(input.u8()) - 8, lent.bytes(input));
                None
            }
            5 => {
                api.writable.expect(HERE)(ctx);
                None
            }
            6 => {
                api.log.expect(HERE)(ctx, input.u8(), lent.bytes(input), lent.bytes(input));
                None
            }
            // Rare, because it is the end.
            7 if input.u8() > 200 => {
                api.fault.expect(HERE)(ctx, lent.bytes(input));
                None
            }
            7 | 8 => {
                let socket = input.number();
                Some(i64::from(api.socket_send.expect(HERE)(ctx, socket, input.u8() % 3, lent.bytes(input))))
            }
            9 => Some(i64::from(api.socket_close.expect(HERE)(ctx, input.number(), input.u16(), lent.bytes(input)))),
            10 => Some(i64::from(api.kv_put.expect(HERE)(ctx, lent.bytes(input), lent.bytes(input)))),
            11 => Some(i64::from(api.kv_delete.expect(HERE)(ctx, lent.bytes(input)))),
            12 => {
                let give = input.one_of(&[api.kv_get, api.kv_keys, api.secret]).expect(HERE);
                let (key, (at, cap)) = (lent.bytes(input), lent.room(input));
                Some(give(ctx, key, at, cap) as i64)
            }
            13 => Some(i64::from(api.timer.expect(HERE)(ctx, input.number(), input.number()))),
            14 => {
                let (kind, value) = (input.u8() % 4, f64::from_bits(input.u64()));
                Some(i64::from(api.metric.expect(HERE)(ctx, kind, lent.bytes(input), value, lent.bytes(input))))
            }
            15 => {
                let (at, cap) = lent.room(input);
                Some(api.principal.expect(HERE)(ctx, input.number(), at, cap) as i64)
            }
            16 => {
                let (id, status) = (input.number(), input.u16());
                let reply = api.webhook_reply.expect(HERE);
                Some(i64::from(reply(ctx, id, status, lent.bytes(input), lent.bytes(input))))
            }
            _ => {
                // Not a number that the host has given to anyone.
                let ctx = std::ptr::without_provenance::<c_void>(usize::MAX - usize::from(input.u8()));
                let status = api.socket_close.expect(HERE)(ctx, 1, 1000, lent.bytes(input));
                assert_eq!(status, abi::CLOSED);
                Some(i64::from(status))
            }
        }
    };
    (what, came)
}

/// Makes every call, of an instance that is gone.
pub(super) fn assert_closed(api: &HostApi, input: &mut Input) {
    for _ in 0..4 {
        let (what, came) = call(api, input);
        assert!(came.is_none_or(|status| status.abs() == i64::from(abi::CLOSED)), "call {what} got {came:?}");
    }
}
