//! What comes from the host, in a form that can be kept.

use std::fmt;

use serde_json::value::RawValue;

use crate::{Frame, Kind, Message, Opened, WebhookRequest};

/// A [`Message`] that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedMessage {
    /// The link it belongs to.
    pub link: u64,
    /// What it is.
    pub kind: Kind,
    /// Joins an outcome to its command; 0 = no answer wanted.
    pub corr: u64,
    /// JSON.
    pub payload: Vec<u8>,
}

impl OwnedMessage {
    /// Returns the payload as text. The host only sends UTF-8, so nothing here means a broken host.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.payload).ok()
    }
}

impl From<Message<'_>> for OwnedMessage {
    fn from(Message { link, kind, corr, payload }: Message<'_>) -> Self {
        OwnedMessage { link, kind, corr, payload: payload.to_vec() }
    }
}

/// A [`Frame`] that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedFrame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl From<Frame<'_>> for OwnedFrame {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Text(text) => OwnedFrame::Text(text.to_owned()),
            Frame::Binary(bytes) => OwnedFrame::Binary(bytes.to_vec()),
        }
    }
}

/// An [`Opened`] that can be kept.
#[derive(Debug, Clone)]
pub struct OwnedOpened {
    /// Which of the manifest's paths.
    pub path: String,
    /// Who it is: the principal, as JSON.
    pub principal: Box<RawValue>,
}

impl From<Opened<'_>> for OwnedOpened {
    fn from(Opened { path, principal }: Opened<'_>) -> Self {
        OwnedOpened { path: path.to_owned(), principal: principal.to_owned() }
    }
}

/// A [`WebhookRequest`] that can be kept.
#[derive(Clone)]
pub struct OwnedWebhook {
    /// `GET`, `POST`, …
    pub method: String,
    /// Which of the manifest's paths.
    pub path: String,
    /// What stands after the `?`, as it came.
    pub query: String,
    /// Names in lower case, and values. `authorization` and `cookie` are left out.
    pub headers: Vec<(String, String)>,
    /// Who asks: the principal, as JSON.
    pub principal: Box<RawValue>,
    /// As it came.
    pub body: Vec<u8>,
}

impl OwnedWebhook {
    /// Returns the first header of this name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Shows no header and no body: they may hold secrets.
impl fmt::Debug for OwnedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWebhook").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

impl From<WebhookRequest<'_>> for OwnedWebhook {
    fn from(request: WebhookRequest<'_>) -> Self {
        OwnedWebhook {
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            query: request.query.to_owned(),
            headers: request.headers,
            principal: request.principal.to_owned(),
            body: request.body.to_vec(),
        }
    }
}
