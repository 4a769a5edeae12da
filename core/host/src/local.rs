//! The calls into an instance of a library that is open in this process.
#![allow(unsafe_code)]

use std::{ffi::c_void, sync::Arc};

use tieline_plugin_sdk::abi::{self, Bytes, MsgView, SocketEvent, WebhookRequest};

use crate::{
    api,
    callbacks::Callbacks,
    calls::{Answer, Calls, Gone, Message, Request, SocketNews},
    library::Entries,
};

/// One instance of an open library.
pub(crate) struct Local {
    entries: Entries,
    /// Goes to the plugin as `ctx`.
    id: u64,
    callbacks: Arc<dyn Callbacks>,
    /// What `create` made, until it is freed.
    raw: *mut c_void,
}

impl Local {
    /// Makes nothing yet. `id` is never used twice in a process.
    pub(crate) fn new(entries: Entries, id: u64, callbacks: Arc<dyn Callbacks>) -> Self {
        Local { entries, id, callbacks, raw: std::ptr::null_mut() }
    }
}

impl Calls for Local {
    fn create(&mut self, config: &str) -> Answer {
        let api = api::open(self.id, Arc::clone(&self.callbacks));
        let mut raw = std::ptr::null_mut();
        // SAFETY: the functions live until the process ends, the configuration and the place for the instance for the
        // call.
        let status = unsafe { (self.entries.create)(api, Bytes::of(config.as_bytes()), &raw mut raw) };
        if status != abi::OK {
            return Ok(status);
        }
        self.raw = raw;
        if raw.is_null() {
            self.callbacks.fault("`create` says that it worked and made nothing".to_owned());
            return Ok(abi::FAILED);
        }
        Ok(abi::OK)
    }

    fn start(&mut self) -> Answer {
        if self.raw.is_null() {
            return Ok(abi::CLOSED);
        }
        // SAFETY: the instance that `create` made.
        Ok(unsafe { (self.entries.start)(self.raw) })
    }

    fn deliver(&mut self, messages: &[Message<'_>], base: u64) -> Result<(i32, u32), Gone> {
        if self.raw.is_null() {
            return Ok((abi::CLOSED, 0));
        }
        let views: Vec<MsgView> = messages.iter().map(view).collect();
        let mut accepted = 0u32;
        // SAFETY: the instance that `create` made, an array and a counter that live for the call.
        let status =
            unsafe { (self.entries.deliver)(self.raw, views.as_ptr(), views.len() as u32, base, &raw mut accepted) };
        Ok((status, accepted))
    }

    fn socket_events(&mut self, events: &[SocketNews<'_>]) -> Answer {
        if self.raw.is_null() {
            return Ok(abi::CLOSED);
        }
        let events: Vec<SocketEvent> = events.iter().map(socket_event).collect();
        // SAFETY: the instance that `create` made, and an array that lives for the call.
        Ok(unsafe { (self.entries.socket_events)(self.raw, events.as_ptr(), events.len() as u32) })
    }

    fn timer(&mut self, id: u64) -> Answer {
        // A plugin of 1.0 cannot have set one.
        let Some(timer) = self.entries.timer.filter(|_| !self.raw.is_null()) else { return Ok(abi::CLOSED) };
        // SAFETY: the instance that `create` made.
        Ok(unsafe { timer(self.raw, id) })
    }

    fn webhook(&mut self, request: &Request<'_>) -> Answer {
        // Only who has this function has paths.
        let Some(webhook) = self.entries.webhook.filter(|_| !self.raw.is_null()) else { return Ok(abi::CLOSED) };
        let view = webhook_request(request);
        // SAFETY: the instance that `create` made, and a request that lives for the call.
        Ok(unsafe { webhook(self.raw, &raw const view) })
    }

    fn resume(&mut self, credits: u32) -> Answer {
        if self.raw.is_null() {
            return Ok(abi::CLOSED);
        }
        // SAFETY: the instance that `create` made.
        Ok(unsafe { (self.entries.resume)(self.raw, credits) })
    }

    fn shutdown(&mut self, deadline_ms: u32) -> Answer {
        if self.raw.is_null() {
            return Ok(abi::CLOSED);
        }
        // SAFETY: the instance that `create` made.
        Ok(unsafe { (self.entries.shutdown)(self.raw, deadline_ms) })
    }

    fn destroy(&mut self) -> Answer {
        let raw = std::mem::replace(&mut self.raw, std::ptr::null_mut());
        if raw.is_null() {
            return Ok(abi::CLOSED);
        }
        // SAFETY: the instance that `create` made, stopped, for the last time.
        unsafe { (self.entries.destroy)(raw) };
        Ok(abi::OK)
    }
}

fn view(message: &Message<'_>) -> MsgView {
    MsgView {
        size: size_of::<MsgView>() as u32,
        kind: message.kind,
        flags: 0,
        link: message.link,
        corr: message.corr,
        payload: Bytes::of(message.payload),
    }
}

fn webhook_request(request: &Request<'_>) -> WebhookRequest {
    WebhookRequest {
        size: size_of::<WebhookRequest>() as u32,
        _pad: 0,
        id: request.id,
        method: Bytes::of(request.method.as_bytes()),
        path: Bytes::of(request.path.as_bytes()),
        query: Bytes::of(request.query.as_bytes()),
        headers: Bytes::of(request.headers.as_bytes()),
        principal: Bytes::of(request.principal.as_bytes()),
        body: Bytes::of(request.body),
    }
}

fn socket_event(event: &SocketNews<'_>) -> SocketEvent {
    SocketEvent {
        size: size_of::<SocketEvent>() as u32,
        what: event.what,
        _pad: 0,
        socket: event.socket,
        data: Bytes::of(event.data),
    }
}
