//! Requests on the webhook paths of a transport, and their answers.
#![allow(unsafe_code)]

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Host, ServiceError, abi};

/// A request on one of the manifest's webhook paths. The host has authenticated it already.
#[derive(Clone)]
pub struct WebhookRequest<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Which of the manifest's paths.
    pub path: &'a str,
    /// What stands after the `?`, as it came; empty when there is none.
    pub query: &'a str,
    /// Names in lower case, and values, in the order in which they came. `authorization` and `cookie` are left out.
    pub headers: Vec<(String, String)>,
    /// Who asks: the principal, as JSON.
    pub principal: &'a RawValue,
    /// As it came.
    pub body: &'a [u8],
}

impl WebhookRequest<'_> {
    /// Returns the first header of this name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Shows no header and no body: they may hold secrets.
impl fmt::Debug for WebhookRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl<'a> WebhookRequest<'a> {
    /// Reads what the host has passed; nothing when it makes no sense.
    ///
    /// # Safety
    /// The bytes of `request` are readable for as long as `'a`.
    pub(crate) unsafe fn read(request: &abi::WebhookRequest) -> Option<Self> {
        // SAFETY: passed on to the caller.
        let (method, path, query, headers, principal, body) = unsafe {
            (
                request.method.as_slice()?,
                request.path.as_slice()?,
                request.query.as_slice()?,
                request.headers.as_slice()?,
                request.principal.as_slice()?,
                request.body.as_slice()?,
            )
        };
        Some(WebhookRequest {
            method: std::str::from_utf8(method).ok()?,
            path: std::str::from_utf8(path).ok()?,
            query: std::str::from_utf8(query).ok()?,
            headers: serde_json::from_slice(headers).ok()?,
            principal: serde_json::from_slice(principal).ok()?,
            body,
        })
    }
}

/// Owes one answer to whoever sent a webhook request. May be kept and answered from any thread; whoever waits is told
/// after ten seconds that there is no answer. Dropped without one, it answers 500.
#[must_use = "dropping it answers with status 500"]
pub struct WebhookReply {
    host: Host,
    request: u64,
    is_open: bool,
}

impl WebhookReply {
    pub(crate) fn new(host: Host, request: u64) -> Self {
        WebhookReply { host, request, is_open: true }
    }

    /// Answers with a status from 200 to 599, a content type and a body. An error says that nobody waits any more
    /// ([`ServiceError::NotFound`]), or that the host does not take this answer.
    pub fn send(mut self, status: u16, content_type: &str, body: &[u8]) -> Result<(), ServiceError> {
        self.is_open = false;
        self.host.webhook_reply(self.request, status, content_type, body)
    }

    /// Answers with a status and a text.
    pub fn text(self, status: u16, text: &str) -> Result<(), ServiceError> {
        self.send(status, "text/plain; charset=utf-8", text.as_bytes())
    }

    /// Answers with a status and JSON.
    pub fn json(self, status: u16, value: &impl Serialize) -> Result<(), ServiceError> {
        let json = serde_json::to_vec(value).map_err(|_| ServiceError::Invalid)?;
        self.send(status, "application/json", &json)
    }
}

impl Drop for WebhookReply {
    fn drop(&mut self) {
        // In a panic the host answers that the transport has failed, which says more.
        if self.is_open && !std::thread::panicking() {
            let kind = "text/plain; charset=utf-8";
            // An error means that nobody waits any more.
            let _gone = self.host.webhook_reply(self.request, 500, kind, b"the transport gave no answer");
        }
    }
}

impl fmt::Debug for WebhookReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookReply").field("request", &self.request).finish_non_exhaustive()
    }
}
