//! An echo that takes its time, written with `async fn`s: each text comes back after a pause, and many can be under way.
//!
//! It counts what it has echoed, in its key-value space and as a metric, and tells it on a webhook.

use std::{cell::Cell, time::Duration};

use tieline_plugin_sdk::{asynchronous::*, prelude::*};

settings! {
    /// How it echoes.
    pub struct AsyncEchoSettings {
        /// How long a text is under way, in milliseconds.
        pause_ms: u64 where 0..=60_000 = 10,
    }
}

/// Echoes texts, later.
pub struct AsyncEcho {
    host: AsyncHost,
    pause: Duration,
    echoes: Cell<u64>,
    /// Whether the timer runs that keeps the count.
    is_to_be_kept: Cell<bool>,
}

/// Keeps the count, at most once a second.
const KEEP: TimerId = TimerId(1);
const ECHOES: &str = "echoes";

impl AsyncTransport for AsyncEcho {
    const MANIFEST: Manifest = Manifest::new("async-echo", env!("CARGO_PKG_VERSION"))
        .sockets(&["/async-echo"])
        .webhooks(&["/hooks/async-echo"]);
    type Config = AsyncEchoSettings;

    async fn start(host: AsyncHost, config: AsyncEchoSettings) -> Result<Self, Error> {
        // A daemon of 1.0 keeps nothing; it starts at zero then.
        let kept = host.waiting(|host| host.kv_get(ECHOES)).await.unwrap_or_default();
        let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let (pause, echoes) = (Duration::from_millis(config.pause_ms), Cell::new(kept.unwrap_or(0)));
        Ok(AsyncEcho { host, pause, echoes, is_to_be_kept: Cell::new(false) })
    }

    async fn deliver(&self, message: OwnedMessage, done: Completion) {
        let Some(text) = message.text() else { return done.closed() };
        match self.host.socket_send_text(SocketId(message.link), text) {
            Flow::Accepted => done.ok(),
            Flow::WouldBlock => done.failed("the socket is slow"),
            Flow::Closed => done.closed(),
        }
    }

    async fn socket_frame(&self, socket: SocketId, frame: OwnedFrame) {
        let OwnedFrame::Text(text) = frame else {
            return self.host.socket_close(socket, 1003, "only text is echoed");
        };
        tokio::time::sleep(self.pause).await;
        if self.host.socket_send_text(socket, &text) == Flow::Accepted {
            self.echoes.set(self.echoes.get() + 1);
            // Not worth failing for, as the timer below.
            let _counted = self.host.counter_add("echoes_total", 1.0, &[]);
            if !self.is_to_be_kept.replace(true) {
                let _later = self.host.timer(KEEP, Duration::from_secs(1));
            }
        }
    }

    async fn timer(&self, timer: TimerId) {
        self.is_to_be_kept.set(false);
        let echoes = self.echoes.get().to_string();
        if timer == KEEP
            && let Err(error) = self.host.waiting(move |host| host.kv_put(ECHOES, echoes.as_bytes())).await
        {
            tracing::warn!(%error, "the count is not kept");
        }
    }

    async fn webhook(&self, _request: OwnedWebhook, reply: WebhookReply) {
        if let Err(error) = reply.text(200, &self.echoes.get().to_string()) {
            tracing::info!(%error, "nobody waits for the count");
        }
    }
}

export_transport!(Async<AsyncEcho>);
