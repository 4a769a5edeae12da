//! One actor per attached writer: reads from the store what its line may carry next, and sends again what no receipt
//! came for. What was just committed is put on the line by the router itself.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use tieline_model::session::window::Due;
use tieline_store::{DueRow, StoreError};

use crate::{
    door::Door, hand_over::HandOver, job::Work, line::SharedLine, router::Mortal, shared::Shared, supervise::Alive,
};

/// How many notes may wait for one peer. One that does not fit says nothing new: they only ask it to look.
const MAILBOX: usize = 16;

/// There may be something to do: more credit, room on the link, something to read, receipts to wait for.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Look {
    /// The link has room again.
    pub has_room: bool,
}

/// The actor.
pub struct Peer {
    shared: Arc<Shared>,
    door: Door,
    line: SharedLine,
    _alive: Alive<Mortal>,
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.pump(ctx);
        // A peer that was started again finds its predecessor's deliveries in flight.
        self.await_receipts(ctx);
    }
}

impl Peer {
    /// Makes the actor of a line.
    pub fn new(shared: &Arc<Shared>, door: &Door, line: SharedLine, alive: Alive<Mortal>) -> Self {
        Self { shared: Arc::clone(shared), door: door.clone(), line, _alive: alive }
    }

    /// Reads the next due numbers, if there are any and none are being read.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        let mut line = self.line.borrow_mut();
        let Some(due) = line.due() else { return };
        if !line.is_current() {
            return ctx.stop();
        }
        line.begin_reading(due);
        let (readers, session) = (self.shared.readers.clone(), line.session);
        let read =
            self.shared.runtime.spawn_blocking(move || readers.take().due(session, due.lane, due.first, due.count));
        let read = async move { read.await.unwrap_or(Err(StoreError::Closed)) };
        ctx.spawn(read.into_actor(self).map(move |rows, peer, ctx| peer.hand_over(due, rows, ctx)));
    }

    fn hand_over(&mut self, due: Due, rows: Result<Vec<DueRow>, StoreError>, ctx: &mut Context<Self>) {
        let mut out = HandOver::default();
        let is_complete = {
            let mut line = self.line.borrow_mut();
            if !line.is_current() {
                line.end_reading(due);
                return ctx.stop();
            }
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) => {
                    line.end_reading(due);
                    line.read_failed();
                    self.shared.fault(format_args!("an inbox could not be read: {error}"));
                    ctx.run_later(Duration::from_secs(1), Self::pump);
                    return;
                }
            };
            let (next, damaged) = out.rows(&mut line, due, rows);
            line.end_reading(due);
            for seq in damaged {
                let reason = "its text does not match its hash".to_owned();
                self.door.submit(Work::GiveUp { session: line.session, lane: due.lane, seq, reason });
            }
            next > due.first || line.is_withdrawing(due)
        };
        if !is_complete {
            // The number is known and its row is not there: the next commit or wake tries again.
            let session = self.line.borrow().session;
            self.shared.fault(format_args!("delivery {} of {session} is missing", due.first));
            return;
        }
        out.send(&self.shared, |_| Some(SharedLine::clone(&self.line)));
        self.try_again_later(ctx);
        self.await_receipts(ctx);
        self.pump(ctx);
    }

    /// Its transport says when it has room; should that get lost on the way, this does.
    fn try_again_later(&mut self, ctx: &mut Context<Self>) {
        let mut line = self.line.borrow_mut();
        if !line.is_blocked || std::mem::replace(&mut line.is_retrying, true) {
            return;
        }
        ctx.run_later(Duration::from_secs(1), |peer, ctx| {
            {
                let mut line = peer.line.borrow_mut();
                (line.is_blocked, line.is_retrying) = (false, false);
            }
            peer.pump(ctx);
        });
    }

    /// Sends again what no receipt came for, on a link that is there: a frame may have been lost in the plugin.
    fn await_receipts(&mut self, ctx: &mut Context<Self>) {
        let mut line = self.line.borrow_mut();
        if !line.wants_a_timer() {
            return;
        }
        line.is_waiting = true;
        let sleep = self.shared.clock.sleep_until(line.patient_until());
        ctx.spawn(sleep.into_actor(self).map(|(), peer, ctx| {
            peer.line.borrow_mut().is_waiting = false;
            peer.send_again_if_due(ctx);
        }));
    }

    fn send_again_if_due(&mut self, ctx: &mut Context<Self>) {
        {
            let mut line = self.line.borrow_mut();
            if !line.is_current() {
                return ctx.stop();
            }
            if self.shared.clock.now() >= line.patient_until() {
                let limit = self.shared.config.delivery.max_attempts;
                for (lane, seq) in line.send_again() {
                    let reason = format!("no receipt after {limit} attempts on a live link");
                    self.door.submit(Work::GiveUp { session: line.session, lane, seq, reason });
                }
            }
        }
        self.pump(ctx);
        self.await_receipts(ctx);
    }
}

impl Handler<Look> for Peer {
    type Result = ();

    fn handle(&mut self, look: Look, ctx: &mut Self::Context) {
        if look.has_room {
            self.line.borrow_mut().is_blocked = false;
        }
        self.try_again_later(ctx);
        self.await_receipts(ctx);
        self.pump(ctx);
    }
}
