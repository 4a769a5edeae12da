//! The WebSocket transport: what `docs/protocol/websocket.md` describes.
//!
//! The host holds the sockets; each has a [`machine`] here that decides. This file only carries out.

#![forbid(unsafe_code)]

mod close;
mod frames;
mod hello_timer;
mod links;
pub mod machine;
#[cfg(test)]
mod page_test;
mod settings;

use std::{sync::Arc, time::Duration};

use tieline_plugin_sdk::{
    Completion, Error, Flow, Frame, Host, Kind, Manifest, Message, Opened, SocketId, Transport, export_transport,
};

use crate::{
    hello_timer::HelloTimer,
    links::{Links, Sent},
    machine::Input,
    settings::Settings,
};

/// The transport.
#[derive(Debug)]
pub struct WebSocket {
    links: Arc<Links>,
    timer: HelloTimer,
}

impl Transport for WebSocket {
    const MANIFEST: Manifest = Manifest::new("websocket", env!("CARGO_PKG_VERSION")).sockets(&["/ws"]);
    type Config = Settings;

    fn start(host: Host, settings: Settings) -> Result<Self, Error> {
        let links = Arc::new(Links::new(host));
        let timer = HelloTimer::start(settings.hello_limit(), {
            let links = links.clone();
            move |socket| links.input(socket, Input::HelloOverdue)
        })?;
        Ok(Self { links, timer })
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        let Some(json) = message.text() else {
            done.failed("the payload is not UTF-8");
            return Flow::Accepted;
        };
        let input = match message.kind {
            Kind::Outcome => Input::Outcome { corr: message.corr, json },
            Kind::Delivery => Input::Delivery(json),
            Kind::Skip => Input::Skip(json),
            Kind::Progress => Input::Progress(json),
            Kind::LinkDown => Input::LinkDown(json),
            // Nothing else comes from the host.
            Kind::Command | Kind::Receipt | Kind::LinkUp | Kind::Credit => {
                done.ok();
                return Flow::Accepted;
            }
        };
        match self.links.deliver(SocketId(message.link), input) {
            Sent::Yes => done.ok(),
            Sent::No(reason) => done.failed(reason),
            Sent::Gone => done.closed(),
        }
        Flow::Accepted
    }

    fn resumed(&self) {
        self.links.resumed();
    }

    fn socket_opened(&self, socket: SocketId, _opened: Opened<'_>) {
        self.links.open(socket);
        self.timer.watch(socket);
    }

    fn socket_frame(&self, socket: SocketId, frame: Frame<'_>) {
        match frame {
            Frame::Text(text) => self.links.input(socket, Input::Text(text)),
            Frame::Binary(_) => self.links.input(socket, Input::Binary),
        }
    }

    fn socket_closed(&self, socket: SocketId, code: Option<u16>) {
        self.links.input(socket, Input::Closed { code });
    }

    fn stop(&self, _deadline: Duration) {
        self.links.drain();
        self.timer.stop();
    }
}

export_transport!(WebSocket);
