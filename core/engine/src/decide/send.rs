//! Notify and broadcast, and what every message has in common.

use std::sync::Arc;

use tieline_model::{
    AskGroupId, EventBody, Lane, Message, MessageId, MessageKind, Principal, Refusal, Reply, Sender, SessionId,
    TimestampMs,
    command::{Broadcast, Notify, Urgency},
    message::{Notice, Tells},
    order::Order,
    outcome::Code,
    reply::{Accepted, DeliveryView, Reachability, UrgencyView},
    runtime::Wake,
    session::inbox::Quota,
    text,
};
use tieline_store::{NewDelivery, StoreError};

use super::{Decision, Stop};
use crate::{effect::Effect, request::Request};

/// A message before it has its id and its time.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub thread: Option<MessageId>,
    pub group: Option<AskGroupId>,
    pub reply_to: Option<MessageId>,
    pub text: Option<String>,
    pub notice: Option<Notice>,
    pub late: bool,
    pub declined: bool,
    pub urgency: Option<Urgency>,
    pub supersedes: Option<MessageId>,
    pub hops: u32,
    pub reminds_of: Vec<MessageId>,
    pub wake: Option<Box<Wake>>,
    pub order: Option<Box<Order>>,
    pub tells: Option<Box<Tells>>,
}

impl Decision<'_, '_> {
    pub(super) fn notify(&mut self, request: &Request, notify: &Notify) -> Result<Reply, Stop> {
        let limits = &self.shared.config.limits;
        text::check_body(&notify.text, "notify.text", limits.text_bytes)?;
        let ttl = self.lifetime(notify.expires_in_ms, limits.ttl_ms, "notify.expires_in_ms")?;
        let from = self.acting(request, notify.sender.as_ref(), "notify.as")?;
        let to = self.resolve(&notify.to, &request.principal, "notify.to")?;
        self.admit(&[to], Lane::Msg, notify.text.len(), "notify.to")?;
        self.check_superseded(from, notify.supersedes, "notify.supersedes")?;
        let hops = self.brake(request, from, &[to], &notify.text, notify.reply_to)?;
        let draft = Draft {
            reply_to: notify.reply_to,
            text: Some(notify.text.clone()),
            urgency: notify.urgency,
            supersedes: notify.supersedes,
            hops,
            ..Draft::default()
        };
        self.supersede(from, notify.supersedes)?;
        let message = self.message(MessageKind::Notify, from, &request.principal, draft, Some(ttl))?;
        let deliveries = self.post(&message, &[to])?.1;
        self.note_said(request, from, &[to], &notify.text, message.id);
        Ok(Reply::Accepted(Accepted { message: message.id, deliveries, late: false }))
    }

    pub(super) fn broadcast(&mut self, request: &Request, broadcast: &Broadcast) -> Result<Reply, Stop> {
        let limits = &self.shared.config.limits;
        let caller = &request.principal;
        text::check_body(&broadcast.text, "broadcast.text", limits.text_bytes)?;
        let ttl = self.lifetime(broadcast.expires_in_ms, limits.broadcast_ttl_ms, "broadcast.expires_in_ms")?;
        let from = self.acting(request, broadcast.sender.as_ref(), "broadcast.as")?;
        let circle = broadcast.circle.as_deref().unwrap_or_else(|| caller.circle());
        text::check_circle(circle, "broadcast.circle")?;
        if !caller.reaches(circle) {
            let message = format!("the circle `{circle}` is not in reach of `{}`", caller.name);
            let refusal = Refusal::new(Code::Forbidden, message).at("broadcast.circle");
            return Err(refusal.with_candidates(caller.circles.iter().cloned()).into());
        }
        let mut excluded = vec![from];
        for (at, address) in broadcast.exclude.iter().enumerate() {
            excluded.push(self.resolve(address, caller, &format!("broadcast.exclude[{at}]"))?);
        }
        let listed: Vec<SessionId> =
            self.shared.directory(|directory| directory.members(circle).filter(|id| !excluded.contains(id)).collect());
        let mut members = Vec::with_capacity(listed.len());
        for session in listed {
            if self.is_open(session)? {
                members.push(session);
            }
        }
        self.check_budgets(from)?;
        self.admit(&members, Lane::Bulk, broadcast.text.len(), "broadcast.exclude")?;
        let draft = Draft { text: Some(broadcast.text.clone()), ..Draft::default() };
        let message = self.message(MessageKind::Broadcast, from, caller, draft, Some(ttl))?;
        let deliveries = self.post(&message, &members)?.1;
        Ok(Reply::Accepted(Accepted { message: message.id, deliveries, late: false }))
    }

    /// Refuses when an inbox is full, naming those that are. Nothing that was accepted is ever evicted for room.
    pub(super) fn admit(&mut self, to: &[SessionId], lane: Lane, bytes: usize, field: &str) -> Result<(), Stop> {
        let limits = &self.shared.config.limits;
        let quota = Quota { messages: limits.inbox_messages, bytes: limits.inbox_bytes };
        let mut full = Vec::new();
        let mut waiting = String::new();
        for session in to {
            let Some(head) = self.tx.head(*session)? else { continue };
            if let Err(found) = head.inbox.admit(lane, bytes as u64, quota) {
                waiting = format!("{} messages with {} bytes wait", found.messages, found.bytes);
                full.push(head.title.clone());
            }
        }
        if full.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} full: {waiting}; at most {} messages or {} bytes may",
            if full.len() == 1 {
                format!("the inbox of `{}` is", full[0])
            } else {
                format!("{} inboxes are", full.len())
            },
            quota.messages,
            quota.bytes
        );
        let refusal = Refusal::new(Code::Quota, message).at(field).retry_after(5_000);
        Err(if full.len() > 1 { refusal.with_candidates(full) } else { refusal }.into())
    }

    /// Completes a draft. `ttl` is in milliseconds.
    pub(super) fn message(
        &mut self,
        kind: MessageKind,
        from: SessionId,
        by: &Principal,
        draft: Draft,
        ttl: Option<u64>,
    ) -> Result<Message, StoreError> {
        let title = self.tx.head(from)?.map(|head| head.title.clone()).unwrap_or_default();
        let id = self.shared.mint.message();
        Ok(Message {
            id,
            kind,
            from: Sender { session: from, title, principal: by.id, kind: by.kind },
            thread: if kind == MessageKind::Ask { Some(id) } else { draft.thread },
            group: draft.group,
            reply_to: draft.reply_to,
            text: draft.text.map(|mut text| {
                self.shared.redaction.clean_in_place(&mut text);
                text
            }),
            notice: draft.notice,
            late: draft.late,
            declined: draft.declined,
            urgency: draft.urgency,
            supersedes: draft.supersedes,
            hops: draft.hops,
            reminds_of: draft.reminds_of,
            wake: draft.wake,
            order: draft.order,
            purged: false,
            tells: draft.tells,
            sent_at_ms: self.now,
            expires_at_ms: ttl.map(|ms| self.now.plus_ms(ms)),
        })
    }

    /// Writes a message into inboxes: the one place where a delivery begins. Returns its row and its deliveries.
    pub(super) fn post(&mut self, message: &Message, to: &[SessionId]) -> Result<(i64, Vec<DeliveryView>), StoreError> {
        let lane = message.kind.lane();
        let mut recipients = Vec::with_capacity(to.len());
        for session in to {
            recipients.push((*session, self.tx.next_seq(*session, lane)?));
        }
        let (message_no, body) = self.tx.insert_message(message, &recipients)?;
        // An answer in time is found by its ask.
        if let Some(earlier) = message.reply_to
            && (message.kind != MessageKind::Ack || message.late)
        {
            self.tx.insert_reply(earlier, message_no)?;
        }
        let body: Arc<str> = body.into();
        let longest = self.now.plus_ms(self.shared.config.limits.max_ttl_ms);
        let new = NewDelivery {
            message_no,
            lane,
            bytes: message.text.as_ref().map_or(0, String::len) as u64,
            accepted_at: self.now,
            expires_at: message.expires_at_ms.unwrap_or(longest),
        };
        let mut views = Vec::with_capacity(to.len());
        for (session, seq) in recipients {
            self.tx.insert_delivery(session, &new)?;
            let event = EventBody::MessageAccepted {
                message: message.id,
                kind: message.kind,
                from: message.from.session,
                lane,
                seq,
            };
            self.event(session, event)?;
            self.effects.push(Effect::Delivery { to: session, lane, seq, body: Arc::clone(&body) });
            self.expires(session, new.expires_at);
            views.push(self.delivery_view(session, lane, seq, message.urgency)?);
            self.wake(session)?;
        }
        Ok((message_no, views))
    }

    fn delivery_view(
        &mut self,
        session: SessionId,
        lane: Lane,
        seq: u64,
        urgency: Option<Urgency>,
    ) -> Result<DeliveryView, StoreError> {
        let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        let is_online = self.shared.presence.is_online(session);
        let reachability = if is_online { Reachability::Online } else { Reachability::Offline };
        Ok(DeliveryView {
            session,
            title,
            lane,
            seq,
            state: tieline_model::DeliveryState::Accepted,
            reachability: Some(reachability),
            urgency: urgency.map(|asked| UrgencyView::new(asked, self.shared.presence.can(session))),
        })
    }

    pub(super) fn expires(&mut self, session: SessionId, at: TimestampMs) {
        self.effects.push(Effect::Expires { session, at });
    }
}
