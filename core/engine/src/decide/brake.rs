//! Brakes on agents that talk in circles or spend too much, each with its reason.

use tieline_model::{
    EventBody, MessageId, PrincipalKind, Refusal, Reply, SessionId, command::SessionBudget, event::Brake,
    outcome::Code, reply::Done, session::budget::Budget,
};

use super::{Decision, Stop};
use crate::request::Request;

/// How many ancestors are looked at.
const MAX_ANCESTORS: usize = 32;

impl Decision<'_, '_> {
    /// Refuses a message that a brake holds. Returns how many messages led to it.
    pub(super) fn brake(
        &mut self,
        request: &Request,
        from: SessionId,
        to: &[SessionId],
        text: &str,
        reply_to: Option<MessageId>,
    ) -> Result<u32, Stop> {
        let limits = self.shared.config.brakes;
        self.check_budgets(from)?;
        let kind = request.principal.kind;
        let mut hops = 0;
        if let Some(earlier) = reply_to {
            hops = self.tx.message(earlier)?.map_or(0, |message| message.hops.saturating_add(1));
            if hops > limits.hops && limits.hops > 0 && kind != PrincipalKind::Human {
                let reason = format!(
                    "{hops} messages led to this one, each referring to the one before; at most {} may",
                    limits.hops
                );
                return Err(braked(from, to.first().copied(), Brake::Hops, reason, None, true));
            }
        }
        if kind == PrincipalKind::Agent {
            // What is told to oneself goes round nobody else.
            for session in to.iter().filter(|session| **session != from) {
                self.shared
                    .brakes
                    .check(&limits, from, *session, text, self.now)
                    .map_err(|it| braked(from, Some(*session), it.brake, it.reason, it.retry_after_ms, it.is_news))?;
            }
        }
        Ok(hops)
    }

    /// Remembers what an agent has said.
    pub(super) fn note_said(
        &mut self,
        request: &Request,
        from: SessionId,
        to: &[SessionId],
        text: &str,
        id: MessageId,
    ) {
        if request.principal.kind == PrincipalKind::Agent {
            for session in to {
                self.shared.brakes.note(&self.shared.config.brakes, from, *session, text, id, self.now);
            }
        }
    }

    /// Refuses to send when the session, or one that it was forked from, has used up its budget.
    pub(super) fn check_budgets(&mut self, from: SessionId) -> Result<(), Stop> {
        let mut next = Some(from);
        for _ in 0..MAX_ANCESTORS {
            let Some(session) = next else { break };
            let Some(head) = self.tx.head(session)? else { break };
            let (title, budget) = (head.title.clone(), head.budget);
            next = head.parent;
            let Some(budget) = budget else { continue };
            let used = self.tx.usage_of_tree(session)?;
            if let Some(over) = budget.exceeded(&used) {
                let reason = format!(
                    "`{title}` and its forks have used {over}; a person can raise it: `tieline sessions budget`"
                );
                return Err(braked(from, None, Brake::Budget, reason, None, true));
            }
        }
        Ok(())
    }

    pub(super) fn session_budget(&mut self, request: &Request, wanted: &SessionBudget) -> Result<Reply, Stop> {
        let session = self.resolve(&wanted.session, &request.principal, "session_budget.session")?;
        let budget = Budget { tokens: wanted.tokens, cost_micro_usd: wanted.cost_micro_usd };
        self.tx.set_budget(session, budget)?;
        let event = EventBody::SessionBudgeted { budget, by: request.principal.id };
        self.event(session, event)?;
        Ok(Reply::Done(Done {}))
    }
}

fn braked(
    from: SessionId,
    to: Option<SessionId>,
    brake: Brake,
    reason: String,
    retry_after_ms: Option<u64>,
    is_news: bool,
) -> Stop {
    let code = if brake == Brake::PairRate { Code::RateLimited } else { Code::Braked };
    let mut refusal = Refusal::new(code, reason.clone());
    if let Some(ms) = retry_after_ms {
        refusal = refusal.retry_after(ms);
    }
    let event = is_news.then_some(EventBody::Braked { brake, to, reason });
    Stop::Braked { refusal: Box::new(refusal), session: from, event: event.map(Box::new) }
}
