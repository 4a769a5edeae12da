//! A schedule gives its command: on whose behalf, whether they still may, and what is written of it.

use std::sync::Arc;

use tieline_model::{
    Command, EventBody, MessageId, Principal, PrincipalId, PrincipalKind, Refusal, Reply, TimestampMs,
    command::Origin,
    outcome::Code,
    schedule::{RunOutcome, State},
};
use tieline_store::{ScheduleRow, StoreError};

use super::{Decision, Stop};
use crate::request::{ReplyTo, Request};

/// Returns a principal as a schedule speaks for it: the same one, and yet no human at the keyboard.
pub(super) fn on_behalf_of(principal: &Principal) -> Principal {
    Principal { kind: PrincipalKind::Schedule, ..principal.clone() }
}

/// Somebody who still has a good token, and the same as a schedule speaks.
#[derive(Clone)]
pub(super) struct Vouched {
    principal: Arc<Principal>,
    actor: Arc<Principal>,
}

/// Why a command was not carried out, and whether it is any use to try again.
struct Denied {
    refusal: Refusal,
    is_final: bool,
}

impl Denied {
    fn for_good(code: Code, message: impl Into<String>) -> Self {
        Self { refusal: Refusal::new(code, message), is_final: true }
    }
}

impl Decision<'_, '_> {
    /// Gives the command of a schedule for one instant. Writes everything but how the schedule stands.
    pub(super) fn execute(
        &mut self,
        row: &mut ScheduleRow,
        nominal: TimestampMs,
        by_hand: bool,
    ) -> Result<RunOutcome, StoreError> {
        let late_ms = self.late_ms(nominal);
        let given = self.give(row)?;
        fail::fail_point!("schedule.after_command");
        let (schedule, by) = (row.id, row.principal);
        let (outcome, event) = match given {
            Ok((message, is_question)) => {
                if is_question {
                    row.standing.waits_for = message;
                }
                let event = EventBody::ScheduleFired { schedule, nominal_ms: nominal, late_ms, by, message };
                (RunOutcome::Fired { message }, event)
            }
            Err(Denied { refusal: Refusal { code, message, .. }, is_final }) => {
                if is_final {
                    row.standing.state = State::Paused;
                    (row.standing.due, row.standing.reason) = (None, Some(message.clone()));
                }
                let event = EventBody::ScheduleRefused { schedule, nominal_ms: nominal, late_ms, by, code };
                (RunOutcome::Refused { code, message }, event)
            }
        };
        self.tx.insert_run(row.no, nominal, self.now, by_hand, &outcome)?;
        self.shared.metrics.schedule(&outcome, 1);
        self.event(row.session, event)?;
        Ok(outcome)
    }

    /// Gives the command. Returns the message that it sent, and whether an answer is awaited.
    fn give(&mut self, row: &ScheduleRow) -> Result<Result<(Option<MessageId>, bool), Denied>, StoreError> {
        let request = match self.request(row)? {
            Ok(request) => request,
            Err(denied) => return Ok(Err(denied)),
        };
        let is_question = matches!(request.command, Command::Ask(_) | Command::AskMany(_));
        match self.command(&request) {
            Ok(Reply::Accepted(accepted)) => Ok(Ok((Some(accepted.message), is_question))),
            Ok(Reply::AcceptedMany(many)) => Ok(Ok((many.asks.first().map(|ask| ask.message), is_question))),
            Ok(_) => Ok(Ok((None, false))),
            Err(Stop::Refused(refusal) | Stop::Braked { refusal, .. }) => {
                Ok(Err(Denied { refusal: *refusal, is_final: false }))
            }
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// Makes the request that the principal of a schedule would make now, if it still may.
    fn request(&mut self, row: &ScheduleRow) -> Result<Result<Request, Denied>, StoreError> {
        let command = match row.command() {
            Ok(command) => command,
            Err(error) => {
                return Ok(Err(Denied::for_good(Code::BadInput, format!("its command cannot be read: {error}"))));
            }
        };
        if !command.is_schedulable() {
            let message = format!("`{}` cannot be scheduled any more", command.name());
            return Ok(Err(Denied::for_good(Code::BadInput, message)));
        }
        let Vouched { principal, actor } = match self.vouched(row.principal)? {
            Ok(vouched) => vouched,
            Err(denied) => return Ok(Err(denied)),
        };
        if !self.is_open(row.session)? {
            return Ok(Err(Denied::for_good(Code::SessionClosed, "its session is closed")));
        }
        if let Some(scope) = command.scope()
            && !actor.may(scope)
        {
            let message = format!("a schedule of `{}` lacks the scope `{}`", principal.name, scope.as_str());
            return Ok(Err(Denied::for_good(Code::Forbidden, message)));
        }
        if let Err(refusal) = self.shared.rates.take_broadcast(&principal, &command, self.now) {
            return Ok(Err(Denied { refusal, is_final: false }));
        }
        let reply = ReplyTo::nobody(self.shared);
        Ok(Ok(Request { principal: actor, origin: Origin::default(), key: None, command, reply }))
    }

    /// Looks up who makes a schedule's request, once for all schedules of one transaction.
    fn vouched(&mut self, id: PrincipalId) -> Result<Result<Vouched, Denied>, StoreError> {
        if let Some(vouched) = self.vouched.get(&id) {
            return Ok(Ok(vouched.clone()));
        }
        let Some(principal) = self.tx.principal(id)? else {
            return Ok(Err(Denied::for_good(Code::Unauthenticated, "its principal is gone")));
        };
        // A plugin has no token: it is let in by the configuration, which its principal follows.
        if principal.kind != PrincipalKind::Plugin && !self.tx.has_good_token(id, self.now)? {
            let message = format!("`{}` has no good token any more", principal.name);
            return Ok(Err(Denied::for_good(Code::Unauthenticated, message)));
        }
        let vouched = Vouched { actor: Arc::new(on_behalf_of(&principal)), principal: Arc::new(principal) };
        self.vouched.insert(id, vouched.clone());
        Ok(Ok(vouched))
    }

    /// Returns how much later than an instant it is now, in milliseconds.
    pub(super) fn late_ms(&self, nominal: TimestampMs) -> u64 {
        u64::try_from(self.now.0 - nominal.0).unwrap_or_default()
    }
}
