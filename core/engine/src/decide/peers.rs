//! Attaching to a session, and leaving it.

use std::sync::{Arc, Mutex};

use tieline_model::{
    EventBody, Lane, LinkId, Refusal, Reply, SessionId,
    command::{AttachMode, PeerAttach, PeerDetach, Receipt, ReceiptState},
    message::PerLane,
    outcome::Code,
    reply::{Attached, Done},
    session::{
        inbox::Inbox,
        lease::{self, Holder, Lease},
        window::Window,
    },
};
use tieline_store::StoreError;

use super::{Decision, Stop, not_yours};
use crate::{effect::Effect, presence::Attachment, request::Request};

impl Decision<'_, '_> {
    pub(super) fn peer_attach(&mut self, request: &Request, attach: &PeerAttach) -> Result<Reply, Stop> {
        let caller = &request.principal;
        let session = match &attach.session {
            Some(address) => {
                let session = self.resolve(address, caller, "peer_attach.session")?;
                let may_watch = attach.mode == AttachMode::Observer;
                if !may_watch && !self.is_own(session, caller)? {
                    return Err(not_yours(address, caller, "peer_attach.session").into());
                }
                session
            }
            None => caller.home,
        };
        let Some(head) = self.tx.head(session)? else {
            return Err(Refusal::new(Code::UnknownSession, "the session is gone").at("peer_attach.session").into());
        };
        if !head.is_open {
            return Err(Refusal::new(Code::SessionClosed, "the session is closed").at("peer_attach.session").into());
        }
        let (title, epoch, inbox) = (head.title.clone(), head.epoch, head.inbox);
        let cursors = self.cursors(attach, &inbox)?;
        let by = Holder { principal: caller.id, link: request.origin.link };
        let had_writer = epoch > 0;
        let epoch = match attach.mode {
            AttachMode::Observer => epoch,
            AttachMode::Writer => {
                let held = Lease { epoch, holder: self.shared.leases.holder(session) };
                let attached = lease::attach(held, by).map_err(|_| writer_held(&title))?;
                self.leave_others(session, by)?;
                self.become_writer(session, by, attached.lease.epoch, attached.fenced, epoch)?;
                self.take_cursors(request, session, &inbox, &cursors)?;
                attached.lease.epoch
            }
        };
        let credit = self.shared.config.limits.credit;
        let event = EventBody::PeerAttached { principal: caller.id, mode: attach.mode, epoch, link: by.link };
        self.event(session, event)?;
        let entry = by.link.and_then(|link| self.shared.presence.link(link));
        let has_window = attach.mode == AttachMode::Writer && by.link.is_some();
        let attachment = Attachment {
            session,
            link: by.link,
            transport: entry.map(|link| Arc::clone(&link.transport)),
            principal: caller.id,
            mode: attach.mode,
            epoch,
            urgency: attach.urgency.unwrap_or_default(),
            since: self.now,
            window: has_window.then(|| Arc::new(Mutex::new(Window::open(cursors, inbox.heads, credit)))),
        };
        self.effects.push(Effect::Attached { attachment, heads: inbox.heads, had_writer });
        Ok(Reply::Attached(Attached {
            session,
            title,
            principal: caller.id,
            mode: attach.mode,
            epoch,
            heads: inbox.heads,
            cursors,
            credit: PerLane::from_fn(|_| credit),
            log_id: self.shared.log_id.clone(),
        }))
    }

    fn become_writer(
        &mut self,
        session: SessionId,
        by: Holder,
        epoch: u64,
        fenced: Option<Holder>,
        old_epoch: u64,
    ) -> Result<(), StoreError> {
        self.tx.set_epoch(session, epoch)?;
        if let Some(fenced) = fenced
            && fenced.link != by.link
        {
            let reason = "fenced by a newer attach";
            let event =
                EventBody::PeerDetached { principal: fenced.principal, epoch: old_epoch, reason: reason.to_owned() };
            self.event(session, event)?;
            self.effects.push(Effect::Fenced { session, link: fenced.link, epoch: old_epoch, reason });
        }
        self.shared.leases.set(session, Some(by));
        Ok(())
    }

    /// A link writes for one session at a time.
    fn leave_others(&mut self, session: SessionId, by: Holder) -> Result<(), StoreError> {
        let held = by.link.map(|link| self.shared.leases.of_link(link)).unwrap_or_default();
        for other in held.into_iter().filter(|other| *other != session) {
            self.leave(other, by, "its link attached to another session")?;
        }
        Ok(())
    }

    /// Where delivery starts: where the receiver says it is, else where the daemon knows it was.
    fn cursors(&self, attach: &PeerAttach, inbox: &Inbox) -> Result<PerLane<u64>, Stop> {
        let Some(cursors) = attach.cursors else { return Ok(inbox.delivered) };
        if let Some(log_id) = &attach.log_id
            && *log_id != self.shared.log_id
        {
            let message = "your cursors belong to another log: this daemon was restored or is another one; attach \
                           without cursors, and expect repeats";
            return Err(Refusal::new(Code::CursorBeyondHead, message).at("peer_attach.log_id").into());
        }
        for lane in Lane::ALL {
            if cursors[lane] > inbox.heads[lane] {
                let message = format!(
                    "the cursor {} is beyond the newest number {} that was given out",
                    cursors[lane], inbox.heads[lane]
                );
                let field = format!("peer_attach.cursors.{}", ["ctl", "msg", "bulk"][lane.number()]);
                return Err(Refusal::new(Code::CursorBeyondHead, message).at(field).into());
            }
        }
        Ok(cursors)
    }

    /// A receiver's cursor beyond ours is its receipt: that one got lost on the way.
    fn take_cursors(
        &mut self,
        request: &Request,
        session: SessionId,
        inbox: &Inbox,
        cursors: &PerLane<u64>,
    ) -> Result<(), Stop> {
        for lane in Lane::ALL {
            if cursors[lane] > inbox.delivered[lane] {
                let receipt = Receipt {
                    session: Some(tieline_model::Address::Session(session)),
                    lane,
                    through: Some(cursors[lane]),
                    seq: None,
                    state: ReceiptState::Delivered,
                    reason: None,
                };
                self.receipt(request, &receipt)?;
            }
        }
        Ok(())
    }

    pub(super) fn peer_detach(&mut self, request: &Request, detach: &PeerDetach) -> Result<Reply, Stop> {
        let session = match &detach.session {
            Some(address) => self.find(address, &request.principal, "peer_detach.session")?,
            None => self.shared.usual(request),
        };
        let by = Holder { principal: request.principal.id, link: request.origin.link };
        if !self.leave(session, by, "detached")? && !self.shared.presence.unobserve(session, by.link) {
            let message = "you are not attached to the session";
            return Err(Refusal::new(Code::NotAttached, message).at("peer_detach.session").into());
        }
        Ok(Reply::Done(Done {}))
    }

    /// Gives a lost link's lease back, unless a successor has it.
    pub fn link_lost(&mut self, link: LinkId, session: SessionId, reason: &'static str) -> Result<(), StoreError> {
        let holder = self.shared.leases.holder(session);
        if let Some(by) = holder.filter(|holder| holder.link == Some(link)) {
            self.leave(session, by, reason)?;
        }
        Ok(())
    }

    fn leave(&mut self, session: SessionId, by: Holder, reason: &str) -> Result<bool, StoreError> {
        let Some(head) = self.tx.head(session)? else { return Ok(false) };
        let epoch = head.epoch;
        let held = Lease { epoch, holder: self.shared.leases.holder(session) };
        if lease::detach(held, by).is_none() {
            return Ok(false);
        }
        let event = EventBody::PeerDetached { principal: by.principal, epoch, reason: reason.to_owned() };
        self.event(session, event)?;
        self.shared.leases.set(session, None);
        self.effects.push(Effect::Detached { session, epoch });
        Ok(true)
    }
}

fn writer_held(title: &str) -> Refusal {
    let message = format!("another principal writes for `{title}`; attach as an observer, or wait until it leaves");
    Refusal::new(Code::WriterHeld, message).at("peer_attach.session")
}
