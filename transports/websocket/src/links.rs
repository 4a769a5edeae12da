//! The connections that are open: finds the machine of each, and carries out what it says.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tieline_plugin_sdk::{Flow, Host, Kind, Message, SocketId};

use crate::machine::{Action, Input, Machine};

/// How much room the text buffer keeps between frames.
const KEPT_BYTES: usize = 64 * 1024;

/// What links need of the host. A test puts its own in place.
pub trait Outside {
    /// Hands a message over.
    fn inbound(&self, message: Message<'_>) -> Flow;
    /// Sends a text frame.
    fn send_text(&self, socket: SocketId, text: &str) -> Flow;
    /// Closes a connection.
    fn close(&self, socket: SocketId, code: u16, reason: &str);
}

impl Outside for Host {
    fn inbound(&self, message: Message<'_>) -> Flow {
        Host::inbound(self, message)
    }

    fn send_text(&self, socket: SocketId, text: &str) -> Flow {
        self.socket_send_text(socket, text)
    }

    fn close(&self, socket: SocketId, code: u16, reason: &str) {
        self.socket_close(socket, code, reason);
    }
}

/// All connections.
///
/// One lock is enough: the host's driver thread is nearly its only user. Actions are carried out under it, so that
/// frames leave in the order in which their machine decided; the host's functions never block.
#[derive(Debug)]
pub struct Links<O = Host> {
    outside: O,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    machines: HashMap<u64, Machine>,
    /// Where texts are put together.
    text: String,
    /// Ends of links that the host had no room for, each with its payload.
    owed: Vec<(u64, String)>,
}

/// Whether something for a client went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It did.
    Yes,
    /// It did not, and may be tried again.
    No(&'static str),
    /// The connection is gone.
    Gone,
}

impl<O: Outside> Links<O> {
    /// Begins without connections.
    pub fn new(outside: O) -> Self {
        Self { outside, state: Mutex::default() }
    }

    /// Adds a connection.
    pub fn open(&self, socket: SocketId) {
        self.lock().machines.insert(socket.0, Machine::new());
    }

    /// Tells a connection what happened. One that is not known is over already.
    pub fn input(&self, socket: SocketId, input: Input<'_>) {
        self.lock().step(&self.outside, socket, input);
    }

    /// Tells a connection what the host has for it.
    pub fn deliver(&self, socket: SocketId, input: Input<'_>) -> Sent {
        let mut state = self.lock();
        let Some(machine) = state.machines.get(&socket.0) else { return Sent::Gone };
        if matches!(input, Input::Delivery(_) | Input::Skip(_)) && !machine.is_attached() {
            return Sent::No("the connection is not attached yet");
        }
        state.step(&self.outside, socket, input)
    }

    /// Says good-bye to every connection.
    pub fn drain(&self) {
        let mut state = self.lock();
        let sockets: Vec<u64> = state.machines.keys().copied().collect();
        if !sockets.is_empty() {
            tracing::info!(links = sockets.len(), "closing {} connections", sockets.len());
        }
        for socket in sockets {
            state.step(&self.outside, SocketId(socket), Input::Drain);
        }
    }

    /// The host has room again: tells it of the links that ended meanwhile.
    pub fn resumed(&self) {
        let mut state = self.lock();
        let taken = state
            .owed
            .iter()
            .take_while(|(link, payload)| {
                self.outside.inbound(Message::new(Kind::LinkDown, *link, 0, payload.as_bytes())) != Flow::WouldBlock
            })
            .count();
        state.owed.drain(..taken);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in between restarts the whole instance.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, outside: &impl Outside, socket: SocketId, input: Input<'_>) -> Sent {
        let Self { machines, text, owed } = self;
        let Some(machine) = machines.get_mut(&socket.0) else { return Sent::Gone };
        let (mut sent, mut refused) = (Sent::Yes, None);
        machine.step(input, |action| match (carry_out(outside, socket, &action, text), &action) {
            (Flow::Accepted, _) => {}
            (Flow::Closed, _) => sent = Sent::Gone,
            (Flow::WouldBlock, Action::Inbound { kind: Kind::LinkDown, .. }) => owed.push((socket.0, text.clone())),
            (Flow::WouldBlock, Action::Inbound { kind, corr, .. }) => refused = Some((*kind, *corr)),
            (Flow::WouldBlock, _) => sent = Sent::No("the connection has no room"),
        });
        if let Some((kind, corr)) = refused {
            machine.step(Input::Full { kind, corr }, |action| {
                // Frames and a close come of it; they are taken, or the connection is gone.
                let _flow = carry_out(outside, socket, &action, text);
            });
        }
        if machine.is_closed() {
            machines.remove(&socket.0);
        }
        if text.capacity() > KEPT_BYTES {
            text.clear();
            text.shrink_to(KEPT_BYTES);
        }
        sent
    }
}

/// Does what a machine wants, with `text` as the place to put it together.
fn carry_out(outside: &impl Outside, socket: SocketId, action: &Action<'_>, text: &mut String) -> Flow {
    text.clear();
    match action {
        Action::Send(frame) => {
            frame.write(text);
            outside.send_text(socket, text)
        }
        Action::Inbound { kind, corr, payload } => {
            payload.write(text);
            outside.inbound(Message::new(*kind, socket.0, *corr, text.as_bytes()))
        }
        Action::Close { code, reason } => {
            outside.close(socket, *code, reason);
            Flow::Accepted
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(7);
    const HELLO: &str = r#"{"hello":{"protocol":1}}"#;
    const WELCOME: &str = r#"{"ok":{"attached":{}}}"#;

    /// Writes down what is done, and can be full.
    #[derive(Debug, Default)]
    struct Paper {
        lines: Mutex<Vec<String>>,
        is_full: Mutex<bool>,
    }

    impl Paper {
        fn write(&self, line: String) {
            self.lines.lock().unwrap().push(line);
        }
    }

    impl Outside for Paper {
        fn inbound(&self, message: Message<'_>) -> Flow {
            if *self.is_full.lock().unwrap() {
                return Flow::WouldBlock;
            }
            self.write(format!("{:?} {} {}", message.kind, message.link, message.text().unwrap()));
            Flow::Accepted
        }

        fn send_text(&self, socket: SocketId, text: &str) -> Flow {
            self.write(format!("send {} {text}", socket.0));
            Flow::Accepted
        }

        fn close(&self, socket: SocketId, code: u16, _: &str) {
            self.write(format!("close {} {code}", socket.0));
        }
    }

    impl Links<Paper> {
        fn set_full(&self, is_full: bool) {
            *self.outside.is_full.lock().unwrap() = is_full;
        }

        fn lines(&self) -> Vec<String> {
            std::mem::take(&mut *self.outside.lines.lock().unwrap())
        }
    }

    fn attached() -> Links<Paper> {
        let links = Links::new(Paper::default());
        links.open(SOCKET);
        links.input(SOCKET, Input::Text(HELLO));
        assert_eq!(links.deliver(SOCKET, Input::Outcome { corr: 1 << 63, json: WELCOME }), Sent::Yes);
        assert_eq!(links.lines(), [r#"Command 7 {"command":{"peer_attach":{}}}"#, r#"send 7 {"welcome":{}}"#]);
        links
    }

    #[test]
    fn a_message_waits_for_the_welcome_and_is_refused_after_the_end() {
        let links = Links::new(Paper::default());
        assert_eq!(links.deliver(SOCKET, Input::Delivery("{}")), Sent::Gone);
        links.open(SOCKET);
        assert!(matches!(links.deliver(SOCKET, Input::Delivery("{}")), Sent::No(_)));
        assert_eq!(links.lines(), [""; 0]);

        let links = attached();
        assert_eq!(links.deliver(SOCKET, Input::Delivery("{}")), Sent::Yes);
        assert_eq!(links.lines(), [r#"send 7 {"deliver":{}}"#]);
        links.input(SOCKET, Input::Closed { code: None });
        assert_eq!(links.deliver(SOCKET, Input::Delivery("{}")), Sent::Gone);
    }

    #[test]
    fn the_end_of_a_link_reaches_a_host_that_was_full() {
        let links = attached();
        links.set_full(true);
        links.input(SOCKET, Input::Text(r#"{"command":{"corr":1,"command":{}}}"#));
        assert!(links.lines()[0].contains(r#""code":"busy""#));
        links.input(SOCKET, Input::Closed { code: Some(1001) });
        links.resumed();
        assert_eq!(links.lines(), [""; 0], "still full");
        links.set_full(false);
        links.resumed();
        links.resumed();
        assert_eq!(links.lines(), [r#"LinkDown 7 {"code":1001,"reason":"the client is gone"}"#]);
    }

    #[test]
    fn draining_closes_every_connection_with_1012() {
        let links = attached();
        links.open(SocketId(8));
        links.drain();
        let lines = links.lines();
        for socket in [7, 8] {
            let bye = format!(r#"send {socket} {{"bye":{{"code":1012,"#);
            let at = lines.iter().position(|line| line.starts_with(&bye)).unwrap();
            assert_eq!(lines[at + 1], format!("close {socket} 1012"));
        }
        assert_eq!(lines.iter().filter(|line| line.starts_with("LinkDown 7")).count(), 1);
        links.drain();
        assert_eq!(links.lines(), [""; 0]);
    }

    #[test]
    fn a_large_frame_leaves_no_large_buffer() {
        let links = attached();
        links.deliver(SOCKET, Input::Delivery(&format!(r#""{}""#, "x".repeat(1 << 20))));
        assert!(links.lock().text.capacity() <= KEPT_BYTES);
    }
}
