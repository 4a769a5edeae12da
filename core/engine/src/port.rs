//! The engine's side of the transports: what it says to them and what it hears.
//!
//! The daemon puts the plugin host behind [`Port`]; a test puts itself there.

use std::sync::Arc;

use bytes::Bytes;
use tieline_host::Ticket;
pub use tieline_host::{NotTaken, Webhooked};
use tieline_model::{
    Command, LinkId, Principal, Refusal,
    reply::{PluginLogRecord, PluginView},
};
use tokio::sync::oneshot;

use crate::presence::Link;

/// What a message to or from a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A `CommandFrame` from a link.
    Command,
    /// An `OutcomeFrame` for a link.
    Outcome,
    /// A `DeliveryFrame` for a link.
    Delivery,
    /// A `ReceiptFrame` from a link.
    Receipt,
    /// A `SkipFrame` for a link.
    Skip,
    /// A `CreditFrame` from a link.
    Credit,
    /// A `ProgressFrame` for a link.
    Progress,
    /// A `LinkDownFrame`, either way.
    LinkDown,
}

/// One message for a link: JSON of `model::frame`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMessage {
    /// The link.
    pub link: LinkId,
    /// What the payload is.
    pub kind: FrameKind,
    /// The correlation number of the command that is answered; 0 when none is.
    pub corr: u64,
    /// The JSON.
    pub payload: Bytes,
}

/// Where messages for links go.
pub trait Port: Send + Sync + 'static {
    /// Hands messages to a transport; gives back those that it has no room for. Never waits.
    ///
    /// Once a delivery is given back, so are the deliveries after it and the skips of its link: a receiver must not
    /// move its cursor past a message that it never got. Everything else is always taken.
    fn deliver(&self, transport: &str, messages: Vec<LinkMessage>) -> Vec<LinkMessage>;
    /// Lists the transports with their states.
    fn plugins(&self) -> Vec<PluginView>;
    /// Returns the log records that are kept of the transport with this file, oldest first.
    fn plugin_logs(&self, file: &str) -> Vec<PluginLogRecord>;
    /// Carries out a command that acts on a transport, and returns how that is then. Waits until it is done.
    fn operate(&self, command: &Command, by: &Principal) -> Result<PluginView, Unable>;
}

/// Why a transport was not acted on.
#[derive(Debug)]
pub enum Unable {
    /// The caller can fix it.
    Refused(Box<Refusal>),
    /// Something of ours went wrong.
    Failed(String),
}

impl From<Refusal> for Unable {
    fn from(refusal: Refusal) -> Self {
        Unable::Refused(Box::new(refusal))
    }
}

/// An HTTP request on a path that a transport has mounted.
#[derive(Clone)]
pub struct WebhookCall {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path.
    pub path: String,
    /// What stands after the `?`.
    pub query: String,
    /// Names in lower case, without what authenticates.
    pub headers: Vec<(String, String)>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// As it came.
    pub body: Bytes,
}

/// A webhook request that was handed over. Dropped, it is forgotten.
pub struct WebhookWait {
    end: oneshot::Receiver<Webhooked>,
    _ticket: Ticket,
}

impl WebhookWait {
    pub(crate) fn new(end: oneshot::Receiver<Webhooked>, ticket: Ticket) -> Self {
        Self { end, _ticket: ticket }
    }

    /// Waits until it is known what became of it; without a limit.
    pub async fn end(&mut self) -> Webhooked {
        (&mut self.end).await.unwrap_or(Webhooked::Lost)
    }
}

/// Transports that take HTTP requests through the server.
pub trait Webhooks: Send + Sync + 'static {
    /// Tells whether a running transport has mounted this path.
    fn has_webhook(&self, path: &str) -> bool;
    /// Counts the requests that wait for an answer.
    fn waiting(&self) -> usize;
    /// Hands a request to the transport of its path. Never waits.
    fn call(&self, call: WebhookCall) -> Result<WebhookWait, NotTaken>;
}

/// A socket that the server holds for a transport, as the transport sees it.
pub trait SocketSink: Send + Sync + 'static {
    /// Sends one frame; false when the socket is closed.
    fn send(&self, is_text: bool, data: Bytes) -> bool;
    /// Closes it with a close code and a reason.
    fn close(&self, code: u16, reason: &str);
}

/// What is behind the path of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounted {
    /// A transport that takes sockets.
    Open,
    /// A transport that is being started again, or replaced: it takes sockets soon.
    Soon,
    /// Nobody.
    Nobody,
}

/// Transports that listen through the server: it accepts, authenticates and limits, they speak the protocol.
pub trait Sockets: Send + Sync + 'static {
    /// Tells what is behind this path now.
    fn mounted(&self, path: &str) -> Mounted;
    /// Gives a new socket to the transport of `path`; `None` when there is none.
    fn open(&self, path: &str, principal: Arc<Principal>, sink: Arc<dyn SocketSink>) -> Option<Arc<Link>>;
    /// Gives frames that came in to its transport; false when that is gone.
    fn frames(&self, link: LinkId, frames: Vec<(bool, Bytes)>) -> bool;
    /// Says that the socket has closed.
    fn closed(&self, link: LinkId, code: Option<u16>);
}

/// Everything that transports do through the server.
pub trait Mounts: Sockets + Webhooks {}
impl<T: Sockets + Webhooks> Mounts for T {}
