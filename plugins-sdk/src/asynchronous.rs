//! A transport written with `async fn`s, on a runtime and a thread of its own (feature `async`).
//!
//! What the host calls is put into a queue, which is bounded, and handled by one thread. What belongs to one link is
//! handled in order, one after the other; different links, timers and webhook requests are handled at the same time.
//! When the transport stops, whatever still runs is cancelled, and a delivery without an answer fails.
//!
//! ```
//! use tieline_plugin_sdk::{asynchronous::*, prelude::*};
//!
//! struct Courier {
//!     host: AsyncHost,
//! }
//!
//! impl AsyncTransport for Courier {
//!     const MANIFEST: Manifest = Manifest::new("courier", "1.0.0");
//!     type Config = ();
//!
//!     async fn start(host: AsyncHost, _: ()) -> Result<Self, Error> {
//!         Ok(Courier { host })
//!     }
//!
//!     async fn deliver(&self, message: OwnedMessage, done: Completion) {
//!         // Whatever takes its time; the other links go on meanwhile.
//!         match self.host.waiting(move |host| host.kv_put("last", &message.payload)).await {
//!             Ok(()) => done.ok(),
//!             Err(error) => done.failed(&error.to_string()),
//!         }
//!     }
//! }
//!
//! # mod exported { use super::*;
//! export_transport!(Async<Courier>);
//! # }
//! # fn main() { tieline_plugin_sdk::conformance::check(tieline_plugin_sdk::declaration::<Async<Courier>>()).assert() }
//! ```

mod lanes;
mod owned;
mod room;
mod runner;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::{Completion, Error, Manifest, Settings, SocketId, TimerId, WebhookReply};

pub use owned::{OwnedFrame, OwnedMessage, OwnedOpened, OwnedWebhook};
pub use runner::{Async, AsyncHost};

/// As [`Transport`](crate::Transport), with `async fn`s. It lives on one thread, so it need not be `Send`.
///
/// A panic in any of them ends the instance, and a new one is started.
#[allow(async_fn_in_trait, reason = "everything runs on the one thread of the transport, so nothing has to be Send")]
pub trait AsyncTransport: Sized + 'static {
    /// What the transport says about itself.
    const MANIFEST: Manifest;

    /// Its settings.
    type Config: Settings + Send + 'static;

    /// Starts it, within a second. What it spawns with `tokio::task::spawn_local` ends with it.
    async fn start(host: AsyncHost, config: Self::Config) -> Result<Self, Error>;

    /// Takes one message for a link. `done` is answered once the message has gone out; dropped, it says *failed*.
    async fn deliver(&self, message: OwnedMessage, done: Completion);

    /// A socket was opened on one of the manifest's paths.
    async fn socket_opened(&self, socket: SocketId, opened: OwnedOpened) {
        let _ = (socket, opened);
    }

    /// A frame came from a socket. One whose frames come faster than they are handled is closed.
    async fn socket_frame(&self, socket: SocketId, frame: OwnedFrame) {
        let _ = (socket, frame);
    }

    /// A socket is gone.
    async fn socket_closed(&self, socket: SocketId, code: Option<u16>) {
        let _ = (socket, code);
    }

    /// A timer has run out.
    async fn timer(&self, timer: TimerId) {
        let _ = timer;
    }

    /// A request came in on one of the manifest's webhook paths.
    async fn webhook(&self, request: OwnedWebhook, reply: WebhookReply) {
        let _ = request;
        // An error means that nobody waits any more.
        let _gone = reply.text(404, "nothing is here");
    }

    /// Stops it: says goodbye to the other side, within the deadline. Whatever else runs goes on meanwhile and is
    /// cancelled afterwards.
    async fn stop(&self, deadline: Duration) {
        let _ = deadline;
    }
}
