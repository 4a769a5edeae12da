//! What becomes of deliveries that are not delivered, and how their senders learn of it.

use tieline_model::{
    DeliveryState, EventBody, Lane, MessageId, MessageKind, SessionId,
    delivery::{self, Input, Step},
    message::Notice,
};
use tieline_store::{PendingRow, StoreError};

use super::{Decision, remind::Occasion, send::Draft};
use crate::{effect::Effect, shared::Shared};

impl Decision<'_, '_> {
    /// Ends deliveries that ran out, and asks that nobody answered in time.
    pub fn expire(&mut self, session: SessionId) -> Result<(), StoreError> {
        let now = self.now;
        let asks = self.tx.open_asks_to(session)?;
        for ask in asks.iter().filter(|ask| ask.deadline <= now) {
            self.end_ask(ask, &tieline_model::ask::Input::Deadline)?;
        }
        let mut next: Option<i64> = asks.iter().map(|ask| ask.deadline.0).filter(|at| *at > now.0).min();
        for ask in asks.iter().filter(|ask| ask.deadline > now) {
            next = next.into_iter().chain(self.escalate(ask)?.map(|at| at.0)).min();
        }
        next = next.into_iter().chain(self.remind(session, Occasion::Time)?.map(|at| at.0)).min();
        next = next.into_iter().chain(self.expire_jobs(session)?.map(|at| at.0)).min();
        next = next.into_iter().chain(self.wake_again(session)?.map(|at| at.0)).min();
        next = next.into_iter().chain(self.tell_watchers(session)?.map(|at| at.0)).min();
        let Some(head) = self.tx.head(session)? else { return Ok(()) };
        let inbox = head.inbox;
        for lane in Lane::ALL {
            if inbox.heads[lane] == inbox.delivered[lane] {
                continue;
            }
            for row in self.tx.deliveries(session, lane, inbox.delivered[lane] + 1, inbox.heads[lane])? {
                if !delivery::is_pending(row.state) {
                    continue;
                }
                if row.expires_at > now {
                    next = next.into_iter().chain([row.expires_at.0]).min();
                } else if !self.withhold(session, lane, row.seq)? {
                    // On its way: whether it arrived is known when the receipt comes or the link is given up.
                    let wait = self.shared.config.delivery.ack_wait_ms;
                    next = next.into_iter().chain([now.plus_ms(wait).0]).min();
                } else {
                    self.end(session, &row, Input::TimeRanOut, "its time ran out before it was delivered")?;
                }
            }
        }
        if let Some(at) = next {
            self.expires(session, tieline_model::TimestampMs(at));
        }
        Ok(())
    }

    /// Ends one delivery that cannot be made.
    pub fn give_up(&mut self, session: SessionId, lane: Lane, seq: u64, reason: &str) -> Result<(), StoreError> {
        for row in self.tx.deliveries(session, lane, seq, seq)? {
            self.end(session, &row, Input::GivenUp, reason)?;
        }
        Ok(())
    }

    /// Ends one delivery and tells the sender, unless the sender did it. False when it was too late for that.
    pub(crate) fn end(
        &mut self,
        session: SessionId,
        row: &PendingRow,
        input: Input,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let Step::To(state) = delivery::step(row.state, input) else { return Ok(false) };
        self.tx.end_delivery(session, row, state, Some(reason), self.now)?;
        let event = EventBody::DeliveryEnded {
            lane: row.lane,
            seq: row.seq,
            message: row.message,
            state,
            reason: Some(reason.to_owned()),
        };
        self.event(session, event)?;
        self.effects.push(Effect::Skip { session, lane: row.lane, seq: row.seq, state });
        let tells_sender = match row.kind {
            // Nobody is told about a notice, but one may have been a request.
            MessageKind::Notice => {
                self.notice_ended(row.message, state, reason)?;
                false
            }
            // An ask that ends tells its asker itself; a dead delivery leaves it open.
            MessageKind::Ask => state == DeliveryState::Dead,
            MessageKind::Ack | MessageKind::Notify | MessageKind::Broadcast => input != Input::Cancelled,
        };
        if tells_sender {
            self.tell(row.from, session, row.message, state, reason)?;
        }
        Ok(true)
    }

    /// Tells `to` what became of its message for `session`.
    pub(super) fn tell(
        &mut self,
        to: SessionId,
        session: SessionId,
        message: MessageId,
        state: DeliveryState,
        reason: &str,
    ) -> Result<(), StoreError> {
        if !self.tx.head(to)?.is_some_and(|head| head.is_open) {
            return Ok(());
        }
        let notice = Notice { message, session, state, reason: Some(reason.to_owned()) };
        let draft = Draft { notice: Some(notice), ..Draft::default() };
        let notice = self.message(MessageKind::Notice, session, &Shared::system(), draft, None)?;
        self.post(&notice, &[to])?;
        Ok(())
    }
}
