//! A command on its way through the door, and the way back for its outcome.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use tieline_model::{
    Command, Failure, LinkId, Outcome, Principal, Refusal,
    command::Origin,
    outcome::{Code, OutcomeJson},
};
use tokio::sync::oneshot;

use crate::{
    hand_over::HandOver,
    port::{FrameKind, LinkMessage},
    shared::Shared,
};

/// A command with who asks and where the outcome goes.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Over which link, if any.
    pub origin: Origin,
    /// The idempotency key.
    pub key: Option<String>,
    /// What.
    pub command: Command,
    /// Where the outcome goes.
    pub reply: ReplyTo,
}

/// The way back. Dropped without an answer, it answers with a fault: no caller waits for ever.
pub struct ReplyTo {
    shared: Arc<Shared>,
    way: Way,
}

enum Way {
    Caller(oneshot::Sender<Outcome>),
    Link { link: LinkId, corr: u64 },
    Nobody,
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way {
            Way::Caller(_) => "ReplyTo::Caller",
            Way::Link { .. } => "ReplyTo::Link",
            Way::Nobody => "ReplyTo::Nobody",
        })
    }
}

impl ReplyTo {
    /// Answers a caller who waits.
    pub fn caller(shared: &Arc<Shared>) -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self { shared: Arc::clone(shared), way: Way::Caller(sender) }, receiver)
    }

    /// Answers the command `corr` of a link. With `corr` 0 only a refusal is sent.
    pub fn link(shared: &Arc<Shared>, link: LinkId, corr: u64) -> Self {
        Self { shared: Arc::clone(shared), way: Way::Link { link, corr } }
    }

    /// Answers nobody.
    pub fn nobody(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), way: Way::Nobody }
    }

    /// Answers now. A link's answer that belongs to a commit goes into its `out` instead.
    pub fn answer(mut self, outcome: Outcome, json: Option<String>, out: Option<&mut HandOver>) {
        match std::mem::replace(&mut self.way, Way::Nobody) {
            Way::Nobody => {}
            // A caller who went away does not want to know.
            Way::Caller(sender) => drop(sender.send(outcome)),
            Way::Link { link, corr } => {
                let Some(entry) = self.shared.presence.link(link) else { return };
                entry.answered();
                if corr == 0 && outcome.is_ok() {
                    return;
                }
                let payload = match json {
                    Some(json) => Bytes::from(json),
                    None => match serde_json::to_vec(&OutcomeJson::from(outcome)) {
                        Ok(json) => json.into(),
                        Err(error) => return tracing::error!(%error, "an outcome could not be written"),
                    },
                };
                let message = LinkMessage { link, kind: FrameKind::Outcome, corr, payload };
                match out {
                    Some(out) => out.push(&entry.transport, message),
                    None => self.shared.to_link(&entry.transport, vec![message]),
                }
            }
        }
    }

    /// Refuses.
    pub fn refuse(self, refusal: Refusal) {
        self.answer(Err(refusal.into()), None, None);
    }

    /// Leaves it at that: nothing was asked.
    pub fn silence(mut self) {
        self.way = Way::Nobody;
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        if matches!(self.way, Way::Nobody) {
            return;
        }
        let fault = self.shared.fault("a command was dropped without an answer");
        let way = std::mem::replace(&mut self.way, Way::Nobody);
        let again = ReplyTo { shared: Arc::clone(&self.shared), way };
        again.answer(Err(Failure::Fault(fault)), None, None);
    }
}

/// The refusal for a full queue.
pub fn busy() -> Refusal {
    Refusal::new(Code::Busy, "too much waits already; nothing was stored").retry_after(100)
}

/// The refusal while the daemon shuts down.
pub fn draining() -> Refusal {
    Refusal::new(Code::Draining, "the daemon is shutting down; nothing was stored").retry_after(1000)
}
