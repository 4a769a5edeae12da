//! What the process of a plugin says, turned into what a plugin in this process would have called.
//!
//! Nothing of it is trusted: the arguments are checked as those of a library are, and what no honest process says is an
//! error that ends it.

use std::sync::Arc;

use crate::{
    Inbound, Kind,
    callbacks::Callbacks,
    calls::Message,
    desk::Desk,
    instance::Instance,
    service::Services,
    text::{fields, text},
    wire::FromChild,
};

/// The instance that a process speaks for.
pub(crate) struct Hearing {
    pub instance: Arc<Instance>,
    pub desk: Desk,
}

/// A call has returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub status: i32,
    pub accepted: u32,
    pub data: Vec<u8>,
}

impl Hearing {
    /// Does what a frame says. Returns the answer to a call, if it is one. An error completes "it sent …".
    pub(crate) fn hear(&mut self, frame: &[u8]) -> Result<Option<Reply>, String> {
        let instance = &*self.instance;
        match FromChild::decode(frame).map_err(|error| error.to_string())? {
            FromChild::Reply { status, accepted, data } => {
                return Ok(Some(Reply { status, accepted, data: data.to_vec() }));
            }
            FromChild::Inbound { messages } => self.inbound(&messages)?,
            FromChild::Blocked => instance.inbox.refuse(),
            FromChild::Complete { token, status, detail } => instance.complete(token, status, &text(detail)),
            FromChild::Writable => instance.writable(),
            FromChild::Log { level, target, json } => instance.log(level, &text(target), &fields(json)),
            FromChild::Fault { is_in_call, reason } => instance.say(text(reason), is_in_call),
            FromChild::SocketSend { socket, is_text, data } => {
                if is_text && std::str::from_utf8(data).is_err() {
                    return Err("a text for a socket that is not UTF-8".to_owned());
                }
                // A socket that is gone meanwhile is nobody's mistake.
                let _gone = instance.socket_send(socket, is_text, data);
            }
            FromChild::SocketClose { socket, code, reason } => {
                let _gone = instance.socket_close(socket, code, &text(reason));
            }
            FromChild::Timer { id, after_ms } => {
                if let Err(denied) = instance.timer(id, after_ms) {
                    tracing::debug!(plugin.name = %instance.plugin, ?denied, "a timer was not set");
                }
            }
            FromChild::Metric { kind, name, value, labels } => {
                if let Err(denied) = instance.metric(kind, name, value, labels) {
                    tracing::debug!(plugin.name = %instance.plugin, ?denied, "a metric was not changed");
                }
            }
            FromChild::Ask { id, service } => self.desk.ask(frame, id, &service)?,
        }
        Ok(None)
    }

    fn inbound(&self, messages: &[Message<'_>]) -> Result<(), String> {
        let mut known = Vec::with_capacity(messages.len());
        for &Message { kind, link, corr, payload } in messages {
            let Some(kind) = Kind::from_u16(kind).filter(|kind| kind.is_inbound()) else {
                return Err(format!("a message of the kind {kind}, which does not come from a plugin"));
            };
            known.push(Inbound { link, kind, corr, payload });
        }
        match self.instance.inbox.put(&known) {
            true => Ok(()),
            false => Err("more messages than there was room for".to_owned()),
        }
    }
}
