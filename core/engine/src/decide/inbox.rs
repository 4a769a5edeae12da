//! Receipts: how far a receiver has come.

use tieline_model::{
    DeliveryState, EventBody, Lane, Refusal, Reply, SessionId,
    command::{Receipt, ReceiptState},
    delivery,
    frame::ProgressFrame,
    outcome::Code,
    reply::Done,
    session::inbox::{BeyondHead, Moved},
};
use tieline_store::StoreError;

use super::{Decision, Stop, not_yours};
use crate::{effect::Effect, request::Request};

/// On whose word a cursor moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// The session's writer, or its owner who polls.
    Writer,
    /// The record of the session's agent program.
    Record,
}

impl Decision<'_, '_> {
    pub(super) fn receipt(&mut self, request: &Request, receipt: &Receipt) -> Result<Reply, Stop> {
        fail::fail_point!("receipt.before");
        let session = match &receipt.session {
            Some(address) => {
                let session = self.find(address, &request.principal, "receipt.session")?;
                if !self.is_own(session, &request.principal)? {
                    return Err(not_yours(address, &request.principal, "receipt.session").into());
                }
                session
            }
            None => self.shared.usual(request),
        };
        self.check_writer(request, session)?;
        match (receipt.state, receipt.through, receipt.seq) {
            (ReceiptState::Delivered | ReceiptState::Seen, Some(through), None) => {
                let is_seen = receipt.state == ReceiptState::Seen;
                let Some(head) = self.tx.head(session)? else { return Ok(Reply::Done(Done {})) };
                // Whatever was seen was delivered, even when that receipt got lost.
                let mut inbox = head.inbox;
                let delivered = inbox.deliver(receipt.lane, through).map_err(|beyond| beyond_head(beyond, receipt))?;
                let seen = if is_seen { inbox.see(receipt.lane, through) } else { Ok(None) };
                let seen = seen.map_err(|beyond| beyond_head(beyond, receipt))?;
                self.advance(session, receipt.lane, delivered, DeliveryState::Delivered, Witness::Writer)?;
                self.advance(session, receipt.lane, seen, DeliveryState::Seen, Witness::Writer)?;
            }
            (ReceiptState::Rejected, None, Some(seq)) => {
                let reason = receipt.reason.as_deref().unwrap_or("refused by the receiver");
                let reason: String = reason.chars().take(500).collect();
                self.give_up(session, receipt.lane, seq, &reason)?;
            }
            (ReceiptState::Rejected, ..) => {
                let message = "a rejection names exactly one number, in `seq`";
                return Err(Refusal::new(Code::BadInput, message).at("receipt.seq").into());
            }
            _ => {
                let message = "how far things were delivered or seen is said with `through`, without `seq`";
                return Err(Refusal::new(Code::BadInput, message).at("receipt.through").into());
            }
        }
        Ok(Reply::Done(Done {}))
    }

    /// Only the current writer moves cursors; a session without one may be served by its owner, who polls.
    fn check_writer(&mut self, request: &Request, session: SessionId) -> Result<(), Stop> {
        let holder = self.shared.leases.holder(session);
        match (holder, request.origin.link) {
            (Some(holder), link) if holder.link == link && holder.principal == request.principal.id => Ok(()),
            (None, None) => Ok(()),
            (Some(holder), None) if holder.link.is_none() && holder.principal == request.principal.id => Ok(()),
            (Some(_), None) => {
                let message = "a peer is attached to the session and acknowledges for it";
                Err(Refusal::new(Code::WriterHeld, message).at("receipt.session").into())
            }
            (_, Some(_)) if self.shared.presence.writer(session).is_none() => {
                let message = "attach to the session as its writer first";
                Err(Refusal::new(Code::NotAttached, message).into())
            }
            (_, Some(_)) => {
                let message = "a newer link writes for the session; this one was fenced";
                Err(Refusal::new(Code::Fenced, message).into())
            }
        }
    }

    pub(super) fn advance(
        &mut self,
        session: SessionId,
        lane: Lane,
        moved: Option<Moved>,
        to: DeliveryState,
        by: Witness,
    ) -> Result<(), StoreError> {
        let Some(Moved { from, through }) = moved else { return Ok(()) };
        let range = (from + 1, through);
        let rows = self.tx.deliveries(session, lane, range.0, range.1)?;
        let Some(head) = self.tx.head(session)? else { return Ok(()) };
        let epoch = head.epoch;
        if to == DeliveryState::Delivered {
            let pending = rows.iter().filter(|row| delivery::is_pending(row.state));
            let (count, bytes) = pending.fold((0, 0), |(count, bytes), row| (count + 1, bytes + row.bytes));
            head.inbox.settle(count, bytes);
            head.inbox.delivered[lane] = through;
        } else {
            head.inbox.seen[lane] = through;
        }
        let said_by = (by == Witness::Writer).then_some(epoch);
        self.tx.progress(session, lane, range, to, said_by, self.now)?;
        self.tx.save_cursors(session, lane)?;
        let (first, through) = range;
        self.event(session, EventBody::DeliveryProgressed { lane, first, through, state: to, epoch })?;
        for row in rows.iter().filter(|row| row.state < to && row.kind != tieline_model::MessageKind::Notice) {
            let frame = ProgressFrame { message: row.message, session, state: to };
            self.effects.push(Effect::Progress { to: row.from, frame });
        }
        if to == DeliveryState::Delivered {
            self.effects.push(Effect::Settled { session, lane, through });
        }
        Ok(())
    }
}

fn beyond_head(beyond: BeyondHead, receipt: &Receipt) -> Refusal {
    let message = format!(
        "number {} of the lane `{}` was never given out; the newest is {}",
        beyond.through,
        serde_json::to_value(receipt.lane).ok().and_then(|lane| lane.as_str().map(str::to_owned)).unwrap_or_default(),
        beyond.head
    );
    Refusal::new(Code::CursorBeyondHead, message).at("receipt.through")
}
