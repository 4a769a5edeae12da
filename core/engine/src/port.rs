//! The engine's side of the transports: what it says to them and what it hears.
//!
//! The daemon puts the plugin host behind [`Port`]; a test puts itself there.

use std::sync::Arc;

use bytes::Bytes;
use tieline_model::{LinkId, Principal, reply::PluginView};

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
