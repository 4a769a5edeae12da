//! The trait that a transport implements, and the words that it uses.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Completion, Error, Host, Manifest, Message, Settings, TimerId, WebhookReply, WebhookRequest};

/// Settings as they come: an object, empty when there are none. [`Transport::Config`] is better something typed.
pub type Config = serde_json::Value;

/// The number of a socket that the host holds; also the number of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// Whether something was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Taken.
    Accepted,
    /// No room now; offer it again when told that there is.
    WouldBlock,
    /// Whom it is for is gone.
    Closed,
}

/// A frame from a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// What is known of a socket that was opened. The host has authenticated it already.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Opened<'a> {
    /// Which of the manifest's paths.
    pub path: &'a str,
    /// Who it is: the principal, as JSON.
    #[serde(borrow)]
    pub principal: &'a RawValue,
}

/// A transport: speaks one protocol to the outside, and commands and messages to the host.
///
/// `deliver`, `timer`, `webhook` and the `socket_…` functions come from one host thread and have to return at once (within a millisecond;
/// five seconds are taken for a hang): enqueue, never wait. A panic in any of them is caught; the instance is then
/// stopped and a new one started.
pub trait Transport: Sized + Send + Sync + 'static {
    /// What the transport says about itself.
    const MANIFEST: Manifest;

    /// Its settings, `[plugins.<name>.settings]` in the daemon's configuration. Their schema goes into the manifest.
    /// Usually made with [`settings!`](crate::settings!); `()` when it has none.
    type Config: Settings;

    /// Starts it. Threads and runtimes of its own are begun here.
    fn start(host: Host, config: Self::Config) -> Result<Self, Error>;

    /// Takes one message for a link. `done` is answered once the message has gone out, from any thread.
    ///
    /// With [`Flow::WouldBlock`] the same message comes again after [`Host::writable`]; with [`Flow::Closed`] the link
    /// is gone. In both cases `done` is simply dropped.
    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow;

    /// The host takes messages again, after [`Host::inbound`] has answered [`Flow::WouldBlock`].
    fn resumed(&self) {}

    /// A socket was opened on one of the manifest's paths.
    fn socket_opened(&self, socket: SocketId, opened: Opened<'_>) {
        let _ = (socket, opened);
    }

    /// A frame came from a socket.
    fn socket_frame(&self, socket: SocketId, frame: Frame<'_>) {
        let _ = (socket, frame);
    }

    /// A socket is gone.
    fn socket_closed(&self, socket: SocketId, code: Option<u16>) {
        let _ = (socket, code);
    }

    /// A timer of [`Host::timer`] has run out.
    fn timer(&self, timer: TimerId) {
        let _ = timer;
    }

    /// A request came in on one of the manifest's webhook paths. It may be answered later and from any thread.
    fn webhook(&self, request: WebhookRequest<'_>, reply: WebhookReply) {
        let _ = request;
        // An error means that nobody waits any more.
        let _gone = reply.text(404, "nothing is here");
    }

    /// Stops it: flushes and ends every thread, within the deadline. Nothing is delivered afterwards.
    fn stop(&self, deadline: Duration) {
        let _ = deadline;
    }
}
