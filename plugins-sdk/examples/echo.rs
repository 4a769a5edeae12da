//! The smallest useful transport: holds a socket path, `/echo`, and sends every text back.

use tieline_plugin_sdk::prelude::*;

settings! {
    /// How it echoes.
    pub struct EchoSettings {
        /// What stands before every echo.
        prefix: String = "",
    }
}

/// Echoes texts.
pub struct Echo {
    host: Host,
    prefix: String,
}

impl Transport for Echo {
    const MANIFEST: Manifest = Manifest::new("echo", env!("CARGO_PKG_VERSION")).sockets(&["/echo"]);
    type Config = EchoSettings;

    fn start(host: Host, config: EchoSettings) -> Result<Self, Error> {
        tracing::info!(prefix = config.prefix, "echo has started");
        Ok(Echo { host, prefix: config.prefix })
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
        match frame {
            Frame::Text(text)
                if self.host.socket_send_text(socket, &format!("{}{text}", self.prefix)) == Flow::Accepted => {}
            Frame::Text(_) => self.host.socket_close(socket, 1013, "too slow"),
            Frame::Binary(_) => self.host.socket_close(socket, 1003, "only text is echoed"),
        }
    }
}

export_transport!(Echo);
