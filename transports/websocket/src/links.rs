//! The connections that are open: finds the machine of each, and carries out what it says.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tieline_plugin_sdk::{Flow, Host, Kind, Message, SocketId};

use crate::machine::{Action, Input, Machine};

/// How much room the text buffer keeps between frames.
const KEPT_BYTES: usize = 64 * 1024;

/// All connections.
///
/// One lock is enough: the host's driver thread is nearly its only user. Actions are carried out under it, so that
/// frames leave in the order in which their machine decided; the host's functions never block.
#[derive(Debug)]
pub struct Links {
    host: Host,
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

impl Links {
    /// Begins without connections.
    pub fn new(host: Host) -> Self {
        Self { host, state: Mutex::default() }
    }

    /// Adds a connection.
    pub fn open(&self, socket: SocketId) {
        self.lock().machines.insert(socket.0, Machine::new());
    }

    /// Tells a connection what happened. One that is not known is over already.
    pub fn input(&self, socket: SocketId, input: Input<'_>) {
        self.lock().step(self.host, socket, input);
    }

    /// Tells a connection what the host has for it.
    pub fn deliver(&self, socket: SocketId, input: Input<'_>) -> Sent {
        let mut state = self.lock();
        let Some(machine) = state.machines.get(&socket.0) else { return Sent::Gone };
        if matches!(input, Input::Delivery(_) | Input::Skip(_)) && !machine.is_attached() {
            return Sent::No("the connection is not attached yet");
        }
        state.step(self.host, socket, input)
    }

    /// Says good-bye to every connection.
    pub fn drain(&self) {
        let mut state = self.lock();
        let sockets: Vec<u64> = state.machines.keys().copied().collect();
        if !sockets.is_empty() {
            tracing::info!(links = sockets.len(), "closing {} connections", sockets.len());
        }
        for socket in sockets {
            state.step(self.host, SocketId(socket), Input::Drain);
        }
    }

    /// The host has room again: tells it of the links that ended meanwhile.
    pub fn resumed(&self) {
        let mut state = self.lock();
        let taken = state
            .owed
            .iter()
            .take_while(|(link, payload)| {
                self.host.inbound(Message::new(Kind::LinkDown, *link, 0, payload.as_bytes())) != Flow::WouldBlock
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
    fn step(&mut self, host: Host, socket: SocketId, input: Input<'_>) -> Sent {
        let Self { machines, text, owed } = self;
        let Some(machine) = machines.get_mut(&socket.0) else { return Sent::Gone };
        let (mut sent, mut refused) = (Sent::Yes, None);
        machine.step(input, |action| match (carry_out(host, socket, &action, text), &action) {
            (Flow::Accepted, _) => {}
            (Flow::Closed, _) => sent = Sent::Gone,
            (Flow::WouldBlock, Action::Inbound { kind: Kind::LinkDown, .. }) => owed.push((socket.0, text.clone())),
            (Flow::WouldBlock, Action::Inbound { kind, corr, .. }) => refused = Some((*kind, *corr)),
            (Flow::WouldBlock, _) => sent = Sent::No("the connection has no room"),
        });
        if let Some((kind, corr)) = refused {
            machine.step(Input::Full { kind, corr }, |action| {
                // Frames and a close come of it; they are taken, or the connection is gone.
                let _flow = carry_out(host, socket, &action, text);
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
fn carry_out(host: Host, socket: SocketId, action: &Action<'_>, text: &mut String) -> Flow {
    text.clear();
    match action {
        Action::Send(frame) => {
            frame.write(text);
            host.socket_send_text(socket, text)
        }
        Action::Inbound { kind, corr, payload } => {
            payload.write(text);
            host.inbound(Message::new(*kind, socket.0, *corr, text.as_bytes()))
        }
        Action::Close { code, reason } => {
            host.socket_close(socket, *code, reason);
            Flow::Accepted
        }
    }
}
