//! Knows when something runs out, and says so then. What is due is decided in the store, again, at that instant.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use actix::prelude::*;
use tieline_model::{SessionId, TimestampMs};
use tieline_store::StoreError;

use crate::{
    door::Door,
    job::Work,
    observe::{ObserveScheduler, SchedulerState, SchedulerStateReply},
    shared::Shared,
    supervise::Alive,
};

/// Something of a session runs out at an instant.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Whose.
    pub session: SessionId,
    /// When.
    pub at: TimestampMs,
}

/// What was committed together.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Dues(pub Vec<Due>);

/// The actor. It keeps one instant per session: the earliest.
pub struct Scheduler {
    shared: Arc<Shared>,
    door: Door,
    by_time: BTreeSet<(TimestampMs, SessionId)>,
    by_session: HashMap<SessionId, TimestampMs>,
    sleeping: Option<(TimestampMs, SpawnHandle)>,
    _alive: Alive,
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(100_000);
        self.look(ctx);
    }
}

impl Scheduler {
    /// Makes the actor.
    pub fn new(shared: &Arc<Shared>, door: &Door, alive: Alive) -> Self {
        Self {
            shared: Arc::clone(shared),
            door: door.clone(),
            by_time: BTreeSet::new(),
            by_session: HashMap::new(),
            sleeping: None,
            _alive: alive,
        }
    }

    /// Finds out what runs out, session by session: as much reading as there is waiting. Nobody waits for it.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let ids: Vec<SessionId> = self.shared.directory(|directory| directory.iter().map(|entry| entry.id).collect());
        let readers = self.shared.readers.clone();
        let looked = self.shared.runtime.spawn_blocking(move || {
            let due = |session| {
                // Each with a connection of its own turn, so that other readers get through.
                let at = readers.take().next_expiry(session)?;
                Ok(at.map(|at| Due { session, at }))
            };
            ids.into_iter().filter_map(|session| due(session).transpose()).collect::<Result<Vec<Due>, StoreError>>()
        });
        ctx.spawn(looked.into_actor(self).map(|looked, scheduler, ctx| match looked {
            Ok(Ok(due)) => due.into_iter().for_each(|due| scheduler.note(due, ctx)),
            Ok(Err(error)) => drop(scheduler.shared.fault(format_args!("what runs out could not be read: {error}"))),
            Err(error) => drop(scheduler.shared.fault(error)),
        }));
    }

    fn note(&mut self, due: Due, ctx: &mut Context<Self>) {
        if self.by_session.get(&due.session).is_some_and(|at| *at <= due.at) {
            return;
        }
        if let Some(at) = self.by_session.insert(due.session, due.at) {
            self.by_time.remove(&(at, due.session));
        }
        self.by_time.insert((due.at, due.session));
        self.sleep(ctx);
    }

    fn sleep(&mut self, ctx: &mut Context<Self>) {
        let Some((at, _)) = self.by_time.first().copied() else { return };
        if let Some((until, handle)) = self.sleeping {
            if until <= at {
                return;
            }
            ctx.cancel_future(handle);
        }
        let sleep = self.shared.clock.sleep_until(at);
        let handle = ctx.spawn(sleep.into_actor(self).map(|(), scheduler, ctx| {
            scheduler.sleeping = None;
            scheduler.fire();
            scheduler.sleep(ctx);
        }));
        self.sleeping = Some((at, handle));
    }

    fn fire(&mut self) {
        let now = self.shared.clock.now();
        while let Some((at, session)) = self.by_time.first().copied().filter(|(at, _)| *at <= now) {
            self.by_time.remove(&(at, session));
            self.by_session.remove(&session);
            if !self.door.submit(Work::Expire { session }) {
                // The writer is full: a second later there is room.
                let later = now.plus_ms(1000);
                self.by_time.insert((later, session));
                self.by_session.insert(session, later);
            }
        }
    }
}

impl Handler<Dues> for Scheduler {
    type Result = ();

    fn handle(&mut self, Dues(dues): Dues, ctx: &mut Self::Context) {
        dues.into_iter().for_each(|due| self.note(due, ctx));
    }
}

impl Handler<ObserveScheduler> for Scheduler {
    type Result = SchedulerStateReply;

    fn handle(&mut self, _: ObserveScheduler, _: &mut Self::Context) -> SchedulerStateReply {
        SchedulerStateReply(SchedulerState {
            waiting: self.by_session.len(),
            next: self.by_time.first().map(|(at, _)| *at),
        })
    }
}
