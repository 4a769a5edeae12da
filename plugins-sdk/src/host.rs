//! What a transport may ask of the host.

use crate::{
    Flow, Message, SocketId,
    abi::{self, Bytes, HostApi, MsgView},
};

/// The host, as one instance of a transport sees it. Usable from any thread; only `kv_…` and `secret` may wait.
#[derive(Clone, Copy)]
pub struct Host {
    api: &'static HostApi,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("abi_minor", &self.api.abi_minor).finish_non_exhaustive()
    }
}

#[allow(unsafe_code)]
impl Host {
    /// Takes the host's functions, or nothing when they are not those of this major version.
    ///
    /// # Safety
    /// A non-null `api` must point to a `HostApi` of the size that it names, and live until the process ends.
    pub(crate) unsafe fn from_raw(api: *const HostApi) -> Option<Host> {
        if api.is_null() || !api.is_aligned() {
            return None;
        }
        // SAFETY: not null, aligned, and the caller vouches that it begins with its size.
        let size = unsafe { (&raw const (*api).size).read() } as usize;
        if !abi::is_size_of::<HostApi>(size, HostApi::SIZE_1_0) {
            return None;
        }
        if size >= size_of::<HostApi>() {
            // SAFETY: at least as large as what this version knows.
            return Some(Host { api: unsafe { &*api } });
        }
        // An older host: what it does not have is zero in a copy that lives as long, so those functions are absent.
        let mut known = std::mem::MaybeUninit::<HostApi>::zeroed();
        // SAFETY: `size` bytes are there and fit; zero is valid for the rest: no functions.
        let known = unsafe {
            std::ptr::copy_nonoverlapping(api.cast::<u8>(), known.as_mut_ptr().cast::<u8>(), size);
            known.assume_init()
        };
        Some(Host { api: Box::leak(Box::new(known)) })
    }

    /// Hands one message over. After [`Flow::WouldBlock`] it was not taken: keep it until
    /// [`resumed`](crate::Transport::resumed).
    pub fn inbound(&self, message: Message<'_>) -> Flow {
        match self.inbound_all(&[message]) {
            (1, _) => Flow::Accepted,
            (_, flow) => flow,
        }
    }

    /// Hands messages over, and returns how many were taken and why not all.
    pub fn inbound_all(&self, messages: &[Message<'_>]) -> (usize, Flow) {
        let mut all = 0;
        for some in messages.chunks(abi::MOST_AT_ONCE as usize) {
            let (taken, flow) = self.inbound_some(some);
            all += taken;
            if flow != Flow::Accepted {
                return (all, flow);
            }
        }
        (all, Flow::Accepted)
    }

    fn inbound_some(&self, messages: &[Message<'_>]) -> (usize, Flow) {
        let Some(inbound) = self.api.inbound else { return (0, Flow::Closed) };
        let views: Vec<MsgView> = messages.iter().map(view).collect();
        let n = views.len() as u32;
        let mut taken = 0;
        // SAFETY: `n` views that live for the call, and the host's own ctx.
        let status = unsafe { inbound(self.api.ctx, views.as_ptr(), n, &raw mut taken) };
        let taken = taken.min(n) as usize;
        match status {
            abi::OK => (views.len(), Flow::Accepted),
            abi::WOULD_BLOCK => (taken, Flow::WouldBlock),
            _ => (taken, Flow::Closed),
        }
    }

    /// Says that `deliver` has room again, after it answered [`Flow::WouldBlock`].
    pub fn writable(&self) {
        if let Some(writable) = self.api.writable {
            // SAFETY: the host's own ctx.
            unsafe { writable(self.api.ctx) }
        }
    }

    /// Sends a text frame on a socket.
    pub fn socket_send_text(&self, socket: SocketId, text: &str) -> Flow {
        self.socket_send(socket, 1, text.as_bytes())
    }

    /// Sends a binary frame on a socket.
    pub fn socket_send_binary(&self, socket: SocketId, data: &[u8]) -> Flow {
        self.socket_send(socket, 0, data)
    }

    /// Closes a socket. `socket_closed` may still follow.
    pub fn socket_close(&self, socket: SocketId, code: u16, reason: &str) {
        if let Some(close) = self.api.socket_close {
            // SAFETY: the reason lives for the call.
            let _gone_already = unsafe { close(self.api.ctx, socket.0, code, Bytes::of(reason.as_bytes())) };
        }
    }

    /// Says that the instance is broken and has to be restarted. To be called from a thread of the transport's own; in
    /// a call of the host a panic does the same.
    pub fn fault(&self, reason: &str) {
        if let Some(fault) = self.api.fault {
            // SAFETY: the reason lives for the call.
            unsafe { fault(self.api.ctx, Bytes::of(reason.as_bytes())) }
        }
    }

    /// Returns the functions as the host has given them.
    pub(crate) fn functions(&self) -> &'static HostApi {
        self.api
    }

    pub(crate) fn complete(&self, token: u64, status: i32, detail: &str) {
        if let Some(complete) = self.api.complete {
            // SAFETY: the detail lives for the call.
            unsafe { complete(self.api.ctx, token, status, Bytes::of(detail.as_bytes())) }
        }
    }

    pub(crate) fn log(&self, level: u8, target: &str, json: &str) {
        if let Some(log) = self.api.log {
            // SAFETY: both texts live for the call.
            unsafe { log(self.api.ctx, level, Bytes::of(target.as_bytes()), Bytes::of(json.as_bytes())) }
        }
    }

    /// Tells the instances of one process apart.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self.api) as usize
    }

    fn socket_send(&self, socket: SocketId, is_text: u8, data: &[u8]) -> Flow {
        let Some(send) = self.api.socket_send else { return Flow::Closed };
        // SAFETY: the data lives for the call.
        match unsafe { send(self.api.ctx, socket.0, is_text, Bytes::of(data)) } {
            abi::OK => Flow::Accepted,
            abi::WOULD_BLOCK => Flow::WouldBlock,
            _ => Flow::Closed,
        }
    }
}

fn view(message: &Message<'_>) -> MsgView {
    MsgView {
        size: size_of::<MsgView>() as u32,
        kind: message.kind.as_u16(),
        flags: 0,
        link: message.link,
        corr: message.corr,
        payload: Bytes::of(message.payload),
    }
}
