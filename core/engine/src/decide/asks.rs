//! Asks, their answers, and taking messages back.

use tieline_model::{
    DeliveryState, EventBody, Lane, MessageId, MessageKind, Principal, Refusal, Reply, SessionId, TimestampMs,
    ask::{self, Ask, AskState, Denied, Effect as AskEffect},
    command::{self, Ack, AskMany, MessageRef},
    delivery::{self, Input, Step},
    outcome::Code,
    reply::{Accepted, AcceptedMany, Done},
    text,
};
use tieline_store::{AskRow, StoreError};

use super::{Decision, Stop, send::Draft};
use crate::{effect::Effect, request::Request};

impl Decision<'_, '_> {
    pub(super) fn ask(&mut self, request: &Request, ask: &command::Ask) -> Result<Reply, Stop> {
        let limits = &self.shared.config.limits;
        text::check_body(&ask.text, "ask.text", limits.text_bytes)?;
        let ttl = self.lifetime(ask.expires_in_ms, limits.ttl_ms, "ask.expires_in_ms")?;
        let from = self.acting(request, ask.sender.as_ref(), "ask.as")?;
        let to = self.resolve(&ask.to, &request.principal, "ask.to")?;
        self.admit(&[to], Lane::Msg, ask.text.len(), "ask.to")?;
        self.admit_asks(from, &[to], "ask.to")?;
        self.check_superseded(from, ask.supersedes, "ask.supersedes")?;
        let hops = self.brake(request, from, &[to], &ask.text, ask.reply_to)?;
        let steps = self.escalation(request, &ask.escalate, "ask.escalate")?;
        let draft = Draft {
            reply_to: ask.reply_to,
            text: Some(ask.text.clone()),
            urgency: ask.urgency,
            supersedes: ask.supersedes,
            hops,
            ..Draft::default()
        };
        self.supersede(from, ask.supersedes)?;
        let remind = self.first_reminder(ask.remind_in_ms);
        let (no, accepted) = self.put_ask(&request.principal, from, to, draft, ttl, None, remind)?;
        self.note_said(request, from, &[to], &ask.text, accepted.message);
        self.tx.insert_escalations(no, &steps)?;
        if let Some((first, _)) = steps.iter().min_by_key(|(at, _)| *at) {
            self.expires(to, *first);
        }
        Ok(Reply::Accepted(accepted))
    }

    pub(super) fn ask_many(&mut self, request: &Request, ask: &AskMany) -> Result<Reply, Stop> {
        let limits = &self.shared.config.limits;
        text::check_body(&ask.text, "ask_many.text", limits.text_bytes)?;
        let ttl = self.lifetime(ask.expires_in_ms, limits.ttl_ms, "ask_many.expires_in_ms")?;
        if ask.to.is_empty() || ask.to.len() > limits.recipients {
            let message = format!("{} addressees; wanted 1 to {}", ask.to.len(), limits.recipients);
            return Err(Refusal::new(Code::BadInput, message).at("ask_many.to").into());
        }
        let from = self.acting(request, ask.sender.as_ref(), "ask_many.as")?;
        let mut to = Vec::with_capacity(ask.to.len());
        for (at, address) in ask.to.iter().enumerate() {
            let field = format!("ask_many.to[{at}]");
            let session = self.resolve(address, &request.principal, &field)?;
            if to.contains(&session) {
                let message = format!("`{address}` is named twice");
                return Err(Refusal::new(Code::BadInput, message).at(field).into());
            }
            to.push(session);
        }
        self.admit(&to, Lane::Msg, ask.text.len(), "ask_many.to")?;
        self.admit_asks(from, &to, "ask_many.to")?;
        let count = u32::try_from(to.len()).unwrap_or(u32::MAX);
        let need = ask.need.count(count);
        if !(1..=count).contains(&need) {
            let message = format!("{need} answers of {count} sessions; wanted 1 to {count}");
            return Err(Refusal::new(Code::BadInput, message).at("ask_many.need").into());
        }
        self.brake(request, from, &to, &ask.text, None)?;
        let group = self.shared.mint.group();
        let group_no = self.tx.insert_group(group, from, need, count)?;
        let mut asks = Vec::with_capacity(to.len());
        for session in to {
            let draft = Draft { group: Some(group), text: Some(ask.text.clone()), ..Draft::default() };
            let remind = self.first_reminder(None);
            let put = self.put_ask(&request.principal, from, session, draft, ttl, Some(group_no), remind)?;
            self.note_said(request, from, &[session], &ask.text, put.1.message);
            asks.push(put.1);
        }
        Ok(Reply::AcceptedMany(AcceptedMany { group, need: ask.need, asks }))
    }

    fn admit_asks(&mut self, from: SessionId, to: &[SessionId], field: &str) -> Result<(), Stop> {
        let limit = u64::from(self.shared.config.limits.open_asks);
        let own = self.tx.head(from)?.map_or(0, |head| head.asks_from);
        if own + to.len() as u64 > limit {
            let message = format!("{own} of your asks are open; at most {limit} may be");
            return Err(Refusal::new(Code::Quota, message).retry_after(5_000).into());
        }
        for session in to {
            let Some(head) = self.tx.head(*session)? else { continue };
            if head.asks_to >= limit {
                let message = format!("{} asks wait for `{}`; at most {limit} may", head.asks_to, head.title);
                return Err(Refusal::new(Code::Quota, message).at(field).retry_after(5_000).into());
            }
        }
        Ok(())
    }

    /// When the addressee of a new ask is reminded, if ever.
    fn first_reminder(&self, asked_ms: Option<u64>) -> Option<TimestampMs> {
        let config = &self.shared.config.asks;
        let after = asked_ms.unwrap_or(config.first_reminder_ms);
        (after > 0 && config.reminders > 0).then(|| self.now.plus_ms(after))
    }

    /// Writes an ask. Returns its row too.
    #[expect(clippy::too_many_arguments, reason = "each of them is a column of the ask")]
    pub(super) fn put_ask(
        &mut self,
        by: &Principal,
        from: SessionId,
        to: SessionId,
        draft: Draft,
        ttl: u64,
        group_no: Option<i64>,
        remind_at: Option<TimestampMs>,
    ) -> Result<(i64, Accepted), StoreError> {
        let group = draft.group;
        let message = self.message(MessageKind::Ask, from, by, draft, Some(ttl))?;
        let (message_no, deliveries) = self.post(&message, &[to])?;
        let row = AskRow {
            message_no,
            id: message.id,
            ask: Ask { asker: from, addressee: to, state: AskState::Open },
            seq: deliveries.first().map_or(0, |delivery| delivery.seq),
            deadline: self.now.plus_ms(ttl),
            group_no,
        };
        self.tx.insert_ask(&row, remind_at)?;
        if let Some(at) = remind_at.filter(|at| *at < row.deadline) {
            self.expires(to, at);
        }
        self.event(from, EventBody::AskOpened { ask: message.id, to, group })?;
        Ok((message_no, Accepted { message: message.id, deliveries, late: false }))
    }

    pub(super) fn ack(&mut self, request: &Request, ack: &Ack) -> Result<Reply, Stop> {
        let limits = &self.shared.config.limits;
        if let Some(text) = &ack.text {
            text::check_body(text, "ack.text", limits.text_bytes)?;
        }
        let row = self.ask_in_reach(request, ack.ask, "ack.ask")?;
        let by = match &ack.sender {
            Some(_) => self.acting(request, ack.sender.as_ref(), "ack.as")?,
            None if self.is_own(row.ask.addressee, &request.principal)? => row.ask.addressee,
            None => self.shared.usual(request),
        };
        let effects = ask::step(&row.ask, &ask::Input::Ack { by, has_text: ack.text.is_some(), declines: ack.decline })
            .map_err(|denied| refused(denied, ack.ask, "ack.ask"))?;
        let late = effects.contains(&AskEffect::Reply { late: true });
        let draft = Draft {
            thread: Some(ack.ask),
            reply_to: Some(ack.ask),
            text: ack.text.clone(),
            late,
            declined: ack.decline,
            ..Draft::default()
        };
        let answer = self.message(MessageKind::Ack, by, &request.principal, draft, Some(limits.ttl_ms))?;
        for effect in effects {
            if let AskEffect::Close(state) = effect {
                self.close_ask(&row, state, Some(answer.id))?;
                self.answer_delivery(&row)?;
                if state == AskState::Answered {
                    self.close_relatives(&row, Some(answer.id))?;
                }
            }
        }
        // The answer of an ask is promised to its asker, so no quota holds it up.
        let deliveries = self.post(&answer, &[row.ask.asker])?.1;
        Ok(Reply::Accepted(Accepted { message: answer.id, deliveries, late }))
    }

    pub(super) fn cancel(&mut self, request: &Request, cancel: &MessageRef) -> Result<Reply, Stop> {
        let unknown = || unknown_message(cancel.message, "cancel.message");
        let places = self.tx.places(cancel.message)?.ok_or_else(unknown)?;
        if !self.is_own(places.from, &request.principal)? {
            return Err(unknown().into());
        }
        self.shared.brakes.forget(places.from, cancel.message);
        if let Some(row) = self.tx.ask(cancel.message)? {
            let input = ask::Input::Cancel { by: places.from };
            ask::step(&row.ask, &input).map_err(|denied| refused(denied, cancel.message, "cancel.message"))?;
            self.end_ask(&row, &input)?;
            self.close_relatives(&row, None)?;
            return Ok(Reply::Done(Done {}));
        }
        let mut open = Vec::new();
        for (session, seq) in &places.recipients {
            for row in self.tx.deliveries(*session, places.lane, *seq, *seq)? {
                let is_open = matches!(delivery::step(row.state, Input::Cancelled), Step::To(_));
                if is_open && self.withhold(*session, places.lane, *seq)? {
                    open.push((*session, row));
                }
            }
        }
        if open.is_empty() {
            let message = "it was handed over or has ended; nothing is left to withdraw";
            return Err(Refusal::new(Code::TooLate, message).at("cancel.message").into());
        }
        for (session, row) in open {
            self.end(session, &row, Input::Cancelled, "withdrawn by its sender")?;
        }
        Ok(Reply::Done(Done {}))
    }

    /// Carries out what ends an ask without an answer.
    pub(super) fn end_ask(&mut self, row: &AskRow, input: &ask::Input) -> Result<(), StoreError> {
        let Ok(effects) = ask::step(&row.ask, input) else { return Ok(()) };
        for effect in effects {
            match effect {
                AskEffect::Close(state) => self.close_ask(row, state, None)?,
                AskEffect::Withdraw => self.withdraw(row, input)?,
                AskEffect::Notice(state) => {
                    let (delivery, reason) = match state {
                        AskState::Orphaned => (DeliveryState::Dead, "the session that was asked was closed"),
                        _ => (DeliveryState::Expired, "nobody answered in time"),
                    };
                    self.tell(row.ask.asker, row.ask.addressee, row.id, delivery, reason)?;
                }
                AskEffect::Reply { .. } => {}
            }
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, row: &AskRow, input: &ask::Input) -> Result<(), StoreError> {
        let to = row.ask.addressee;
        let (input, reason) = match input {
            ask::Input::Deadline => (Input::TimeRanOut, "its time ran out before it was delivered"),
            _ => (Input::Cancelled, "the ask was closed"),
        };
        for delivery in self.tx.deliveries(to, Lane::Msg, row.seq, row.seq)? {
            // One that is on its way speaks for itself: the receiver may have it already. The ask is closed all the same.
            if matches!(delivery::step(delivery.state, input), Step::To(_)) && self.withhold(to, Lane::Msg, row.seq)? {
                self.end(to, &delivery, input, reason)?;
            }
        }
        Ok(())
    }

    pub(super) fn close_ask(
        &mut self,
        row: &AskRow,
        state: AskState,
        answer: Option<MessageId>,
    ) -> Result<(), StoreError> {
        self.tx.close_ask(row, state, answer, self.now)?;
        self.event(row.ask.asker, EventBody::AskClosed { ask: row.id, state, answer })?;
        self.release_held(row)?;
        match row.group_no {
            Some(group_no) => self.count_in_group(group_no, state),
            None => Ok(()),
        }
    }

    /// Counts a closed ask of a group; resolves the group when it has what it needs.
    fn count_in_group(&mut self, group_no: i64, state: AskState) -> Result<(), StoreError> {
        let mut group = self.tx.group(group_no)?;
        group.closed += 1;
        group.answered += u32::from(state == AskState::Answered);
        let is_resolved = !group.resolved && (group.answered >= group.need || group.closed == group.total);
        group.resolved |= is_resolved;
        self.tx.update_group(&group)?;
        if !is_resolved {
            return Ok(());
        }
        let resolved = EventBody::GroupResolved { group: group.id, answered: group.answered, total: group.total };
        self.event(group.asker, resolved)?;
        if group.need < group.total {
            for row in self.tx.open_asks_of_group(group_no)? {
                self.end_ask(&row, &ask::Input::Cancel { by: row.ask.asker })?;
            }
        }
        Ok(())
    }

    /// An answered ask has been taken, whatever its receipt said so far.
    fn answer_delivery(&mut self, row: &AskRow) -> Result<(), StoreError> {
        let to = row.ask.addressee;
        for delivery in self.tx.deliveries(to, Lane::Msg, row.seq, row.seq)? {
            let Step::To(state) = delivery::step(delivery.state, Input::Answered) else { continue };
            self.tx.end_delivery(to, &delivery, state, None, self.now)?;
            if delivery::is_pending(delivery.state) {
                self.effects.push(Effect::Skip { session: to, lane: Lane::Msg, seq: row.seq, state });
            }
        }
        Ok(())
    }

    fn ask_in_reach(&mut self, request: &Request, id: MessageId, field: &str) -> Result<AskRow, Stop> {
        let caller = &request.principal;
        let Some(row) = self.tx.ask(id)? else { return Err(unknown_message(id, field).into()) };
        let circle = self.tx.head(row.ask.addressee)?.map(|head| head.circle.clone()).unwrap_or_default();
        let is_own = self.is_own(row.ask.addressee, caller)? || self.is_own(row.ask.asker, caller)?;
        if is_own || caller.reaches(&circle) { Ok(row) } else { Err(unknown_message(id, field).into()) }
    }
}

/// The refusal for a message that does not exist or that the caller may not know of: the two look the same.
pub(crate) fn unknown_message(id: MessageId, field: &str) -> Refusal {
    Refusal::new(Code::UnknownMessage, format!("no message `{id}` in reach")).at(field)
}

fn refused(denied: Denied, id: MessageId, field: &str) -> Refusal {
    match denied {
        Denied::NotAddressee => {
            Refusal::new(Code::NotAddressee, format!("`{id}` was asked of another session; only that one may answer"))
        }
        Denied::NotAsker => Refusal::new(Code::Forbidden, format!("`{id}` is another session's ask")),
        Denied::Closed(state) => Refusal::new(Code::AskClosed, format!("the ask `{id}` is closed: {}", state.as_str())),
    }
    .at(field)
}
