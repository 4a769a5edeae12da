//! A transport that does wrong what its configuration says. For tests of the host.
//!
//! Without a configuration it behaves: it answers every delivery, and passes what comes from its sockets on as a
//! command; a webhook request uses the services of the host as its body says. What a delivery asks for (`{"do":"…"}`) or the configuration says (`{"start":"panic"}`) goes wrong.

mod crashes;
mod services;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tieline_plugin_sdk::prelude::*;

/// How many instances were destroyed, since the library was opened.
static DESTROYED: AtomicU32 = AtomicU32::new(0);
/// How many were started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// The transport.
pub struct Fault {
    host: Host,
    config: Config,
    kept: Mutex<Vec<Completion>>,
    services: services::Services,
}

impl Transport for Fault {
    const MANIFEST: Manifest = Manifest::new("fault", env!("CARGO_PKG_VERSION"))
        .sockets(&["/fault"])
        .webhooks(&["/hooks/fault", "/hooks/fault/other"]);

    type Config = Config;

    fn start(host: Host, config: Config) -> Result<Self, Error> {
        let started = STARTED.fetch_add(1, Ordering::SeqCst) + 1;
        tracing::info!(started, destroyed = DESTROYED.load(Ordering::SeqCst), "fault has started");
        match config["start"].as_str() {
            Some("panic") => panic!("the configuration asks for a panic in start"),
            Some("error") => return Err(Error::new("the configuration asks for an error in start")),
            Some("hang") => hang(),
            Some("abort") => std::process::abort(),
            // From the second time on.
            Some("panic-again") if started > 1 => panic!("not a second time"),
            _ => {}
        }
        Ok(Fault { host, config, kept: Mutex::default(), services: services::Services::new(host) })
    }

    fn deliver(&self, message: Message<'_>, done: Completion) -> Flow {
        let wish: Config = serde_json::from_slice(message.payload).unwrap_or_default();
        // In a whole daemon nobody can ask for it: there deliveries are the daemon's own.
        if self.config["deliver"] == "panic" {
            panic!("the configuration asks for a panic in deliver");
        }
        match wish["do"].as_str() {
            Some("panic") => panic!("the message asks for a panic in deliver"),
            Some("hang") => hang(),
            Some("fail") => done.failed("the message asks for a failure"),
            Some("close") => return Flow::Closed,
            Some("no-room") => return Flow::WouldBlock,
            // Answered when told to, or never.
            Some("keep") => self.kept().push(done),
            Some("answer-kept") => {
                self.kept().drain(..).for_each(Completion::ok);
                done.ok();
            }
            // Garbage, as a receipt, a command and a credit.
            Some("garbage") => {
                for kind in [Kind::Receipt, Kind::Command, Kind::Credit] {
                    let _taken = self.host.inbound(Message::new(kind, message.link, 7, b"\xff{not json"));
                }
                done.ok();
            }
            // A service that may wait, within a call of the host.
            Some("keep-value") => {
                let kept = self.host.kv_put("kept", b"a value").and_then(|()| self.host.kv_get("kept"));
                done.failed(&format!("{:?}", kept.map(|value| value.map(|value| value.len()))));
            }
            // As many commands at once as the message says.
            Some("flood") => {
                let (n, _why) = self.flood(message.link, wish["n"].as_u64().unwrap_or(0));
                done.failed(&format!("{n} were taken"));
            }
            Some("fault-later") => {
                let host = self.host;
                std::thread::spawn(move || host.fault("a thread of it has failed"));
                done.ok();
            }
            Some("command-later") => {
                let (host, link) = (self.host, message.link);
                std::thread::spawn(move || {
                    let _taken = host.inbound(Message::new(Kind::Command, link, 8, b"{\"later\":true}"));
                });
                done.ok();
            }
            Some(what) => match crashes::crash(what, self.host) {
                Some(said) if !said.is_empty() => done.failed(&said),
                _ => done.ok(),
            },
            None => done.ok(),
        }
        Flow::Accepted
    }

    fn resumed(&self) {
        if self.config["resumed"] == "panic" {
            panic!("the configuration asks for a panic in resumed");
        }
        let _taken = self.host.inbound(Message::new(Kind::Command, 0, 9, b"{\"resumed\":true}"));
    }

    fn socket_opened(&self, socket: SocketId, opened: Opened<'_>) {
        let payload = serde_json::json!({"opened": opened.path, "principal": opened.principal}).to_string();
        let _taken = self.host.inbound(Message::new(Kind::Command, socket.0, 1, payload.as_bytes()));
    }

    fn socket_frame(&self, socket: SocketId, frame: Frame<'_>) {
        match frame {
            Frame::Text("panic") => panic!("the frame asks for a panic"),
            Frame::Text("abort") => std::process::abort(),
            Frame::Text("close") => self.host.socket_close(socket, 4000, "as you like"),
            Frame::Text("hang") => hang(),
            Frame::Text(text) => {
                let payload = serde_json::json!({ "frame": text }).to_string();
                let _taken = self.host.inbound(Message::new(Kind::Command, socket.0, 2, payload.as_bytes()));
                let _sent = self.host.socket_send_text(socket, text);
            }
            Frame::Binary(bytes) => {
                let _sent = self.host.socket_send_binary(socket, bytes);
            }
        }
    }

    fn socket_closed(&self, socket: SocketId, code: Option<u16>) {
        let payload = serde_json::json!({ "closed": code }).to_string();
        let _taken = self.host.inbound(Message::new(Kind::LinkDown, socket.0, 3, payload.as_bytes()));
    }

    fn timer(&self, timer: TimerId) {
        if timer.0 == 666 {
            panic!("the timer asks for a panic");
        }
        let payload = serde_json::json!({ "timer": timer.0 }).to_string();
        let _taken = self.host.inbound(Message::new(Kind::Command, 0, 10, payload.as_bytes()));
        self.services.timer(timer);
    }

    fn webhook(&self, request: WebhookRequest<'_>, reply: WebhookReply) {
        let wish: Config = serde_json::from_slice(request.body).unwrap_or_default();
        match wish["do"].as_str() {
            Some("panic") => panic!("the request asks for a panic in webhook"),
            Some("hang") => hang(),
            Some("drop") => drop(reply),
            Some("never") => self.services.keep(reply),
            Some("timer") => self.services.answer_later(&wish, reply),
            Some(what) => self.services.answer(what.to_owned(), wish.clone(), reply),
            None => {
                let _answered = reply.json(200, &services::shown(&request));
            }
        }
    }

    fn stop(&self, deadline: Duration) {
        match self.config["stop"].as_str() {
            Some("hang") => hang(),
            Some("panic") => panic!("the configuration asks for a panic in stop"),
            Some("say") => tracing::warn!(deadline_ms = u64::try_from(deadline.as_millis()).ok(), "stopping"),
            _ => {}
        }
    }
}

impl Fault {
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Completion>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn flood(&self, link: u64, n: u64) -> (usize, Flow) {
        let payloads: Vec<String> = (0..n).map(|i| format!("{{\"flood\":{i}}}")).collect();
        let messages: Vec<_> =
            (1000..).zip(&payloads).map(|(corr, p)| Message::new(Kind::Command, link, corr, p.as_bytes())).collect();
        self.host.inbound_all(&messages)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let destroyed = DESTROYED.fetch_add(1, Ordering::SeqCst) + 1;
        tracing::info!(destroyed, "fault was destroyed");
    }
}

fn hang() {
    loop {
        std::thread::park();
    }
}

export_transport!(Fault);

#[cfg(test)]
mod tests {
    use super::*;
    use tieline_plugin_sdk::{conformance, declaration};

    #[test]
    fn without_a_wish_it_behaves() {
        conformance::check(declaration::<Fault>()).assert();
    }
}
