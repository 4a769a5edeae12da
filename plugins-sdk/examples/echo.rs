//! A transport in about forty lines: holds a socket, sends every text back, and tells on a webhook how many there were.
//! The same stands in the README.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tieline_plugin_sdk::prelude::*;

settings! {
    /// How it echoes.
    pub struct EchoSettings {
        /// What stands before every echo.
        prefix: String = "",
        /// How often each text is echoed.
        times: u32 where 1..=3 = 1,
    }
}

/// Echoes texts.
pub struct Echo {
    host: Host,
    settings: EchoSettings,
    heard: AtomicU64,
}

impl Transport for Echo {
    const MANIFEST: Manifest = Manifest::new("echo", "0.1.0").sockets(&["/echo"]).webhooks(&["/hooks/echo"]);
    type Config = EchoSettings;

    fn start(host: Host, settings: EchoSettings) -> Result<Self, Error> {
        Ok(Echo { host, settings, heard: AtomicU64::new(0) })
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        // A message for one of our sockets goes out as it is: the link's number is the socket's.
        let Some(text) = message.text() else { return Flow::Closed };
        let flow = self.host.socket_send_text(SocketId(message.link), text);
        if flow == Flow::Accepted {
            done.ok();
        }
        flow
    }

    fn socket_frame(&self, socket: SocketId, frame: Frame<'_>) {
        let Frame::Text(text) = frame else { return self.host.socket_close(socket, 1003, "only text is echoed") };
        self.heard.fetch_add(1, Relaxed);
        for _ in 0..self.settings.times {
            let _gone = self.host.socket_send_text(socket, &format!("{}{text}", self.settings.prefix));
        }
    }

    fn webhook(&self, _request: WebhookRequest<'_>, reply: WebhookReply) {
        let _gone = reply.text(200, &self.heard.load(Relaxed).to_string());
    }
}

export_transport!(Echo);
