//! The only way in: who may, how often, and where a command goes from here.
//!
//! A read is answered from a read-only connection; an operation is carried out on a thread that may wait; everything
//! else goes through the acting session's actor to the writer.

use std::sync::Arc;

use actix::ArbiterHandle;
use tieline_model::{Address, Command, Outcome, Principal, Refusal, SessionId, command::Origin, outcome::Code};
use tieline_store::{Refused, Writer};

use crate::{
    job::{EngineJob, Work},
    operate, purge, query,
    request::{ReplyTo, Request, draining},
    session::Registry,
    shared::Shared,
};

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
    writer: Writer<EngineJob>,
    sessions: Arc<Registry>,
    arbiter: ArbiterHandle,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl Door {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        writer: Writer<EngineJob>,
        sessions: Arc<Registry>,
        arbiter: ArbiterHandle,
    ) -> Self {
        Self { shared: Arc::clone(shared), writer, sessions, arbiter }
    }

    /// Carries out a command and returns its outcome: durable, or refused with nothing stored.
    ///
    /// `key` makes a repeat harmless: the same key with the same command answers the same outcome.
    pub async fn dispatch(
        &self,
        principal: &Arc<Principal>,
        origin: Origin,
        key: Option<String>,
        command: Command,
    ) -> Outcome {
        let (reply, outcome) = ReplyTo::caller(&self.shared);
        self.submit_all(vec![Request { principal: Arc::clone(principal), origin, key, command, reply }]);
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.shared.fault("a command was lost inside the daemon").into()),
        }
    }

    /// Takes commands whose outcomes go back by themselves. Never waits; order is kept per session.
    pub fn submit_all(&self, requests: Vec<Request>) {
        fail::fail_point!("door.received");
        let mut together: Option<(SessionId, Vec<Request>)> = None;
        for request in requests {
            if let Err(refusal) = self.check(&request) {
                let outcome = Err(refusal.into());
                self.shared.metrics.command(request.command.name(), &outcome);
                request.reply.answer(outcome, None, None);
                continue;
            }
            if request.command.is_read_only() {
                self.read(request);
                continue;
            }
            if request.command.is_operation() {
                self.operate(request);
                continue;
            }
            let session = self.acting(&request);
            match &mut together {
                Some((of, waiting)) if *of == session => waiting.push(request),
                _ => {
                    if let Some((of, waiting)) = together.replace((session, vec![request])) {
                        self.sessions.send(of, waiting, &self.shared, &self.writer, &self.arbiter);
                    }
                }
            }
        }
        if let Some((session, requests)) = together {
            self.sessions.send(session, requests, &self.shared, &self.writer, &self.arbiter);
        }
    }

    /// Puts work of the daemon's own in line; false when there is no room or the daemon stops.
    pub fn submit(&self, work: Work) -> bool {
        self.offer(work).is_ok()
    }

    /// Puts work of the daemon's own in line, or gives it back.
    pub(crate) fn offer(&self, work: Work) -> Result<(), Refused<Work>> {
        self.writer.submit(EngineJob::new(&self.shared, work)).map_err(|refused| match refused {
            Refused::Full(job) => Refused::Full(job.work),
            Refused::Closed(job) => Refused::Closed(job.work),
        })
    }

    /// Returns what the parts of the engine share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Counts the session actors that run.
    pub fn active_sessions(&self) -> usize {
        self.sessions.count()
    }

    /// Lists the sessions whose actors run.
    pub fn running_sessions(&self) -> Vec<SessionId> {
        self.sessions.list()
    }

    /// Lets in what is no command but counts like one, such as a webhook request.
    pub fn admit(&self, principal: &Principal) -> Result<(), Refusal> {
        if self.shared.is_draining() {
            return Err(draining());
        }
        self.shared.rates.take_one(principal, self.shared.clock.now())
    }

    /// Returns whose secret this is, if it is good.
    pub fn authenticate(&self, secret: &str) -> Option<Arc<Principal>> {
        self.shared.tokens.authenticate(secret, self.shared.clock.now())
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        if self.shared.is_draining() {
            return Err(draining());
        }
        let Request { principal, command, key, .. } = request;
        if let Some(scope) = command.scope()
            && !principal.may(scope)
        {
            let message =
                format!("`{}` may not `{}`: it lacks the scope `{}`", principal.name, command.name(), scope.as_str());
            return Err(Refusal::new(Code::Forbidden, message));
        }
        if let Some(key) = key
            && (key.is_empty() || key.len() > 128)
        {
            let message = format!("an idempotency key has {} bytes; wanted 1 to 128", key.len());
            return Err(Refusal::new(Code::BadInput, message).at("key"));
        }
        self.shared.rates.take(principal, command, self.shared.clock.now())
    }

    /// The session whose mailbox a command waits in. Only for the order: the writer decides who it speaks as.
    fn acting(&self, request: &Request) -> SessionId {
        let named: Option<&Address> = match &request.command {
            Command::Ask(ask) => ask.sender.as_ref(),
            Command::AskMany(ask) => ask.sender.as_ref(),
            Command::Ack(ack) => ack.sender.as_ref(),
            Command::Notify(notify) => notify.sender.as_ref(),
            Command::Broadcast(broadcast) => broadcast.sender.as_ref(),
            Command::PeerAttach(attach) => attach.session.as_ref(),
            Command::Receipt(receipt) => receipt.session.as_ref(),
            _ => None,
        };
        let home = request.principal.home;
        match named {
            Some(Address::Session(id)) => *id,
            Some(address) => self
                .shared
                .directory(|directory| directory.find(address, &request.principal, "as").map(|entry| entry.id).ok())
                .unwrap_or(home),
            None => request.origin.link.and_then(|link| self.shared.presence.session_of(link)).unwrap_or(home),
        }
    }

    fn read(&self, request: Request) {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn_blocking(move || {
            let outcome = query::answer(&shared, &request);
            shared.metrics.command(request.command.name(), &outcome);
            request.reply.answer(outcome, None, None);
        });
    }

    fn operate(&self, request: Request) {
        let door = self.clone();
        if matches!(request.command, Command::SessionPurge(_)) {
            self.shared.runtime.spawn(purge::carry_out(door, request));
            return;
        }
        self.shared.runtime.spawn_blocking(move || operate::carry_out(&door, request));
    }
}
