//! Reminding a session of the asks that it has not answered: one notice for all of them, never in the middle of a turn.

use tieline_model::{EventBody, Lane, MessageKind, SessionId, TimestampMs, session::progress::TurnState};
use tieline_store::{Reminding, StoreError};

use super::{Decision, send::Draft};
use crate::shared::Shared;

/// How long after the last reminder the next one comes, in multiples of the first: 15 minutes, 1 hour, 4 hours, a day, a day.
const GAPS: [u64; 5] = [1, 4, 16, 96, 96];
/// How long a reminder is worth delivering: until the day after.
const TTL_MS: u64 = 24 * 60 * 60 * 1000;

/// What makes a reminder due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Its time came.
    Time,
    /// The session's agent has come to the end of a turn.
    TurnEnd,
}

impl Decision<'_, '_> {
    /// Reminds a session when there is occasion to. Returns when to look again.
    pub(super) fn remind(&mut self, session: SessionId, occasion: Occasion) -> Result<Option<TimestampMs>, StoreError> {
        let Some(head) = self.tx.head(session)? else { return Ok(None) };
        let (is_idle, is_reading) = (head.asks_to == 0, head.inbox.heads[Lane::Ctl] == head.inbox.delivered[Lane::Ctl]);
        if is_idle {
            return Ok(None);
        }
        let mut asks = self.tx.reminding(session)?;
        let now = self.now;
        let is_due = |ask: &Reminding| match (ask.remind_at, occasion) {
            (None, _) => false,
            (Some(at), _) if at <= now => true,
            (Some(_), Occasion::TurnEnd) => ask.reminded == 0 && ask.is_delivered,
            (Some(_), Occasion::Time) => false,
        };
        if asks.iter().any(is_due) && !self.is_mid_turn(session)? {
            // Who has not read the last notice is not helped by another.
            if is_reading && asks.iter().any(|ask| is_due(ask) && ask.is_delivered) {
                self.send_reminder(session, &mut asks)?;
            }
            let later = now.plus_ms(self.shared.config.asks.first_reminder_ms);
            for ask in asks.iter_mut().filter(|ask| ask.remind_at.is_some_and(|at| at <= now)) {
                ask.remind_at = Some(later);
                self.tx.set_reminding(ask.row.message_no, ask.remind_at, ask.reminded)?;
            }
        }
        Ok(asks.iter().filter_map(|ask| ask.remind_at).filter(|at| *at > now).min())
    }

    fn send_reminder(&mut self, session: SessionId, asks: &mut [Reminding]) -> Result<(), StoreError> {
        fail::fail_point!("ask.before_reminder");
        let config = &self.shared.config.asks;
        let (most, first) = (config.reminders, config.first_reminder_ms);
        let mut listed = Vec::new();
        let mut text = String::from("You have not answered:");
        for ask in asks.iter_mut().filter(|ask| ask.remind_at.is_some() && ask.is_delivered) {
            listed.push(ask.row.id);
            let asker = self.tx.head(ask.row.ask.asker)?.map(|head| head.title.clone()).unwrap_or_default();
            text += &format!("\n- {} from `{asker}`", ask.row.id);
            ask.reminded += 1;
            let gap = GAPS.get(ask.reminded as usize - 1).copied().unwrap_or(GAPS[GAPS.len() - 1]);
            ask.remind_at = (ask.reminded < most).then(|| self.now.plus_ms(first.saturating_mul(gap)));
            self.tx.set_reminding(ask.row.message_no, ask.remind_at, ask.reminded)?;
        }
        text += "\nAnswer with `ack`, or decline.";
        let draft = Draft { text: Some(text), reminds_of: listed.clone(), ..Draft::default() };
        let message = self.message(MessageKind::Notice, session, &Shared::system(), draft, Some(TTL_MS))?;
        self.event(session, EventBody::AsksReminded { asks: listed, message: message.id })?;
        self.post(&message, &[session])?;
        fail::fail_point!("ask.after_reminder");
        Ok(())
    }

    fn is_mid_turn(&mut self, session: SessionId) -> Result<bool, StoreError> {
        let progress = self.tx.agent_progress(session)?;
        Ok(progress.and_then(|it| it.turn).is_some_and(|turn| turn.state == TurnState::Running))
    }
}
