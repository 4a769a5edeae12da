//! Asking somebody else when an ask is not answered in time. The first answer closes them all.

use tieline_model::{
    EventBody, MessageId, Principal, Refusal, SessionId, TimestampMs,
    ask::{self, AskState},
    command::Escalation,
    delivery::{self, Input, Step},
    outcome::Code,
};
use tieline_store::{AskRow, StoreError};

use super::{Decision, Stop, send::Draft};
use crate::request::Request;

/// The most steps of one ask.
const MAX_STEPS: usize = 5;

impl Decision<'_, '_> {
    /// Finds out who is to be asked when.
    pub(super) fn escalation(
        &mut self,
        request: &Request,
        steps: &[Escalation],
        field: &str,
    ) -> Result<Vec<(TimestampMs, SessionId)>, Stop> {
        if steps.len() > MAX_STEPS {
            let message = format!("{} steps; at most {MAX_STEPS} are allowed", steps.len());
            return Err(Refusal::new(Code::BadInput, message).at(field).into());
        }
        let mut found = Vec::with_capacity(steps.len());
        for (at, step) in steps.iter().enumerate() {
            let place = format!("{field}[{at}]");
            let longest = self.shared.config.limits.max_ttl_ms;
            if !(1..=longest).contains(&step.after_ms) {
                let message = format!("{} milliseconds; wanted 1 to {longest}", step.after_ms);
                return Err(Refusal::new(Code::BadInput, message).at(format!("{place}.after_ms")).into());
            }
            let to = self.resolve(&step.to, &request.principal, &format!("{place}.to"))?;
            found.push((self.now.plus_ms(step.after_ms), to));
        }
        Ok(found)
    }

    /// Asks the next ones of an ask whose time has come. Returns when the next step is.
    pub(super) fn escalate(&mut self, row: &AskRow) -> Result<Option<TimestampMs>, StoreError> {
        let mut had_candidate = None;
        while let Some(target) = self.tx.take_escalation(row.message_no, self.now)? {
            let is_asked = target == row.ask.addressee
                || self.tx.open_relatives(row)?.iter().any(|relative| relative.ask.addressee == target);
            had_candidate = Some(!is_asked && self.is_open(target)?);
            if had_candidate == Some(true) {
                self.ask_also(row, target)?;
            } else {
                let reason = if is_asked { "it is asked already" } else { "it is closed" };
                let failed = EventBody::AskNotEscalated { ask: row.id, to: target, reason: reason.to_owned() };
                self.event(row.ask.asker, failed)?;
            }
        }
        let next = self.tx.next_escalation(row.message_no)?;
        if had_candidate == Some(false) && next.is_none() {
            let reason = "nobody else could be asked; the ask stays open until its deadline";
            self.tell(row.ask.asker, row.ask.addressee, row.id, tieline_model::DeliveryState::Delivered, reason)?;
        }
        Ok(next)
    }

    fn ask_also(&mut self, row: &AskRow, target: SessionId) -> Result<(), StoreError> {
        let original = self.tx.message_at(row.message_no)?;
        let by = Principal {
            id: original.from.principal,
            kind: original.from.kind,
            name: String::new(),
            scopes: Vec::new(),
            circles: Vec::new(),
            home: original.from.session,
        };
        let draft = Draft {
            reply_to: Some(row.id),
            text: original.text,
            urgency: original.urgency,
            hops: original.hops,
            ..Draft::default()
        };
        let left = u64::try_from(row.deadline.0.saturating_sub(self.now.0)).unwrap_or_default();
        let root = self.tx.root_of_ask(row.message_no)?;
        let (no, accepted) = self.put_ask(&by, row.ask.asker, target, draft, left.max(1), None, None)?;
        fail::fail_point!("ask.before_parent");
        self.tx.set_ask_parent(no, root)?;
        let event = EventBody::AskEscalated { ask: row.id, to: target, child: accepted.message };
        self.event(row.ask.asker, event)
    }

    /// Closes the other asks of a question that was answered, or taken back.
    pub(super) fn close_relatives(&mut self, row: &AskRow, answer: Option<MessageId>) -> Result<(), StoreError> {
        let root = self.tx.root_of_ask(row.message_no)?;
        for relative in self.tx.open_relatives(row)? {
            if relative.message_no == root && answer.is_some() {
                self.close_ask(&relative, AskState::Answered, answer)?;
                self.withdraw(&relative, &ask::Input::AnsweredElsewhere)?;
            } else {
                self.end_ask(&relative, &ask::Input::Cancel { by: relative.ask.asker })?;
            }
        }
        Ok(())
    }

    /// Refuses to supersede what is no message of the session that speaks.
    pub(super) fn check_superseded(
        &mut self,
        from: SessionId,
        earlier: Option<MessageId>,
        field: &str,
    ) -> Result<(), Stop> {
        let Some(id) = earlier else { return Ok(()) };
        if self.tx.places(id)?.is_some_and(|places| places.from == from) {
            return Ok(());
        }
        let message = format!("`{id}` is no message of the session that speaks");
        Err(Refusal::new(Code::UnknownMessage, message).at(field).into())
    }

    /// Puts a message in the place of an earlier one of the same session: that one is withdrawn where it still can be.
    pub(super) fn supersede(&mut self, from: SessionId, earlier: Option<MessageId>) -> Result<(), StoreError> {
        let Some(id) = earlier else { return Ok(()) };
        let Some(places) = self.tx.places(id)? else { return Ok(()) };
        self.shared.brakes.forget(from, id);
        if let Some(row) = self.tx.ask(id)? {
            self.end_ask(&row, &ask::Input::Superseded { by: from })?;
            return self.close_relatives(&row, None);
        }
        for (session, seq) in places.recipients {
            for row in self.tx.deliveries(session, places.lane, seq, seq)? {
                let can = matches!(delivery::step(row.state, Input::Cancelled), Step::To(_));
                if can && self.withhold(session, places.lane, seq)? {
                    self.end(session, &row, Input::Cancelled, "superseded by its sender")?;
                }
            }
        }
        Ok(())
    }
}
