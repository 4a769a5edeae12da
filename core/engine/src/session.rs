//! One actor per session that speaks: a bounded mailbox in front of the writer.
//!
//! It holds nothing that the store does not have, so it may die or be put away at any time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use tieline_model::{SessionId, TimestampMs};
use tieline_store::{Refused, Writer};

use crate::{
    job::{EngineJob, Work},
    request::{Request, busy, draining},
    shared::Shared,
    supervise::{Restarts, Verdict},
};

/// How many batches may wait for one session.
const MAILBOX: usize = 256;
/// How long a session may be silent before its actor is put away.
const IDLE: Duration = Duration::from_secs(60);
/// How long a put-away actor still takes what was on its way to it.
const GRACE: Duration = Duration::from_secs(1);

/// Commands of one session, in order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Requests(pub Vec<Request>);

/// The actor.
pub struct SessionActor {
    session: SessionId,
    shared: Arc<Shared>,
    writer: Writer<EngineJob>,
    registry: Arc<Registry>,
    last: TimestampMs,
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_later(IDLE, Self::put_away_when_idle);
    }
}

impl SessionActor {
    fn put_away_when_idle(&mut self, ctx: &mut Context<Self>) {
        let silent = self.shared.clock.now().0 - self.last.0;
        if silent < i64::try_from(IDLE.as_millis()).unwrap_or(i64::MAX) {
            ctx.run_later(IDLE, Self::put_away_when_idle);
            return;
        }
        self.registry.forget(self.session);
        // Whoever looked us up just before still gets through.
        ctx.run_later(GRACE, |_, ctx| ctx.stop());
    }
}

impl Handler<Requests> for SessionActor {
    type Result = ();

    fn handle(&mut self, Requests(requests): Requests, _: &mut Self::Context) {
        fail::fail_point!("session.before_writer");
        self.last = self.shared.clock.now();
        for request in requests {
            let job = EngineJob::new(&self.shared, Work::Command(Box::new(request)));
            match self.writer.submit(job) {
                Ok(()) => {}
                Err(Refused::Full(job)) => job.refuse(busy()),
                Err(Refused::Closed(job)) => job.refuse(draining()),
            }
        }
    }
}

/// The actors that run now.
#[derive(Default)]
pub struct Registry(Mutex<HashMap<SessionId, Running>>);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({})", self.count())
    }
}

struct Running {
    addr: Addr<SessionActor>,
    restarts: Restarts,
}

impl Registry {
    /// Hands requests to a session's actor, starting it in `arbiter` when it does not run.
    pub fn send(
        self: &Arc<Self>,
        session: SessionId,
        requests: Vec<Request>,
        shared: &Arc<Shared>,
        writer: &Writer<EngineJob>,
        arbiter: &ArbiterHandle,
    ) {
        let Some(addr) = self.actor(session, shared, writer, arbiter) else {
            return requests.into_iter().for_each(|request| request.reply.refuse(busy()));
        };
        let returned = match addr.try_send(Requests(requests)) {
            Ok(()) => return,
            Err(SendError::Full(requests) | SendError::Closed(requests)) => requests,
        };
        returned.0.into_iter().for_each(|request| request.reply.refuse(busy()));
    }

    fn actor(
        self: &Arc<Self>,
        session: SessionId,
        shared: &Arc<Shared>,
        writer: &Writer<EngineJob>,
        arbiter: &ArbiterHandle,
    ) -> Option<Addr<SessionActor>> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut restarts = Restarts::default();
        if let Some(running) = table.get_mut(&session) {
            if running.addr.connected() {
                return Some(running.addr.clone());
            }
            let now = shared.clock.now();
            if running.restarts.is_tripped(now) {
                return None;
            }
            if running.restarts.died(now) == Verdict::Tripped {
                tracing::error!(%session, "a session's actor keeps dying and is left alone for a minute");
                return None;
            }
            tracing::warn!(%session, "a session's actor died and is started again");
            restarts = std::mem::take(&mut running.restarts);
        }
        let actor = SessionActor {
            session,
            shared: Arc::clone(shared),
            writer: writer.clone(),
            registry: Arc::clone(self),
            last: shared.clock.now(),
        };
        let addr = SessionActor::start_in_arbiter(arbiter, |_| actor);
        table.insert(session, Running { addr: addr.clone(), restarts });
        Some(addr)
    }

    fn forget(&self, session: SessionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }

    /// Lists the sessions whose actors run, oldest first.
    pub fn list(&self) -> Vec<SessionId> {
        let mut ids: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Counts the actors that run.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
