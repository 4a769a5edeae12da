//! Waking an idle agent program, so that its next hook can bring what waits: by its own plugin when that listens, else by
//! the best transport that is there, then by the next one, and loudly when none works.
//!
//! The plugin follows the timeline. A transport is asked with a notice in the inbox of its home session. Only a turn that
//! begins is taken as success.

use tieline_model::{
    DeliveryState, EventBody, Lane, Message, MessageId, MessageKind, SessionId, TimestampMs, delivery,
    event::RuntimeWoken,
    message::Tells,
    runtime::{LISTENER, Runtime, Wake, Waking, Woken},
};
use tieline_store::StoreError;

use super::{Decision, send::Draft};
use crate::shared::Shared;

/// How often it is looked for a transport that can wake, while none is connected, in milliseconds.
const LOOK_FOR_WAKERS_MS: u64 = 5_000;

impl Decision<'_, '_> {
    /// Something came into the inbox of a session, or its time to look again has come.
    pub(super) fn wake(&mut self, session: SessionId) -> Result<(), StoreError> {
        if self.reporting == Some(session) || !self.tx.head(session)?.is_some_and(|head| head.has_runtime) {
            return Ok(());
        }
        let Some(mut runtime) = self.tx.runtime(session)? else { return Ok(()) };
        let before = runtime.clone();
        self.wake_if_due(session, &mut runtime)?;
        if runtime != before {
            self.tx.set_runtime(session, &runtime)?;
        }
        Ok(())
    }

    /// Takes the next way to wake a session's program, when that waits for a prompt and mail waits for it.
    pub(super) fn wake_if_due(&mut self, session: SessionId, runtime: &mut Runtime) -> Result<(), StoreError> {
        let now = self.now;
        let asks_permission = self.tx.agent_progress(session)?.is_some_and(|it| !it.approvals.is_empty());
        if !runtime.can_be_woken(asks_permission, now) || !self.has_mail(session, runtime)? {
            return Ok(());
        }
        match runtime.wake.as_mut() {
            // It is under way, or it was no use a moment ago.
            Some(wake) if wake.again_at > now => return Ok(()),
            Some(Waking { by: Some(by), .. }) => {
                let (by, reason) = (by.clone(), "no turn began in time");
                self.wake_failed(session, runtime, &by, reason)?;
            }
            // Time to try all of them again.
            Some(wake) => wake.tried.clear(),
            None => {}
        }
        self.ask_next(session, runtime)
    }

    /// A transport has refused to wake a program.
    pub(super) fn wake_refused(&mut self, request: MessageId, reason: &str) -> Result<(), StoreError> {
        let Some(session) = self.tx.session_of_wake(request)? else { return Ok(()) };
        let Some(mut runtime) = self.tx.runtime(session)? else { return Ok(()) };
        let Some(by) = runtime.wake.as_ref().and_then(|wake| wake.by.clone()) else { return Ok(()) };
        self.wake_failed(session, &mut runtime, &by, reason)?;
        self.ask_next(session, &mut runtime)?;
        self.tx.set_runtime(session, &runtime)
    }

    /// A turn has begun while a transport was asked for one.
    pub(super) fn was_woken(&mut self, session: SessionId, woken: &Woken) -> Result<(), StoreError> {
        let Woken { by, instead_of, .. } = woken.clone();
        if !instead_of.is_empty() {
            let better = instead_of.join(", ");
            tracing::warn!(session.id = %session, transport = by, better, "`{by}` had to wake it: {better} could not");
        }
        self.event(session, EventBody::RuntimeWoken(Box::new(RuntimeWoken::Began { by, instead_of })))
    }

    fn wake_failed(
        &mut self,
        session: SessionId,
        runtime: &mut Runtime,
        by: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let failed = RuntimeWoken::Failed { by: by.to_owned(), reason: reason.to_owned() };
        self.event(session, EventBody::RuntimeWoken(Box::new(failed)))?;
        let mut tried = runtime.wake.take().map(|wake| wake.tried).unwrap_or_default();
        tried.push(by.to_owned());
        runtime.wake = Some(Waking { by: None, request: None, tried, again_at: self.now, is_said: false });
        Ok(())
    }

    fn ask_next(&mut self, session: SessionId, runtime: &mut Runtime) -> Result<(), StoreError> {
        let config = &self.shared.config.agents;
        let (tried, is_said) = runtime.wake.take().map(|wake| (wake.tried, wake.is_said)).unwrap_or_default();
        if runtime.listens && !tried.iter().any(|it| it == LISTENER) {
            let by = LISTENER.to_owned();
            self.event(session, EventBody::RuntimeWoken(Box::new(RuntimeWoken::Told { by: by.clone() })))?;
            let again_at = self.now.plus_ms(config.wake_timeout_ms);
            runtime.wake = Some(Waking { by: Some(by), request: None, tried, again_at, is_said: false });
            self.expires(session, again_at);
            return Ok(());
        }
        let next = self.shared.wakers().find(|(name, _)| !tried.contains(name));
        let Some((by, home)) = next else {
            // One may be about to connect, as after a start of the daemon.
            let wait =
                if tried.is_empty() { LOOK_FOR_WAKERS_MS.min(config.wake_again_ms) } else { config.wake_again_ms };
            let reason = match tried.as_slice() {
                [] => "no transport that could wake it is connected".to_owned(),
                tried => format!("none of {} could wake it", tried.join(", ")),
            };
            if !is_said || !tried.is_empty() {
                self.event(session, EventBody::RuntimeWoken(Box::new(RuntimeWoken::GaveUp { reason })))?;
            }
            let again_at = self.now.plus_ms(wait);
            runtime.wake = Some(Waking { by: None, request: None, tried, again_at, is_said: true });
            self.expires(session, again_at);
            return Ok(());
        };
        fail::fail_point!("wake.before_asking");
        let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        let wake = Wake {
            session,
            prompt: format!("[tieline] mail for {title}: it comes with this prompt"),
            title,
            agent: runtime.agent.clone(),
            native: runtime.native.clone(),
            process: runtime.process,
            pane: runtime.pane.clone(),
            home: runtime.home.clone(),
        };
        let draft = Draft { wake: Some(Box::new(wake)), ..Draft::default() };
        let message =
            self.message(MessageKind::Notice, session, &Shared::system(), draft, Some(config.wake_timeout_ms))?;
        self.post(&message, &[home])?;
        let asked = RuntimeWoken::Asked { by: by.clone(), request: message.id };
        self.event(session, EventBody::RuntimeWoken(Box::new(asked)))?;
        let again_at = self.now.plus_ms(config.wake_timeout_ms);
        runtime.wake = Some(Waking { by: Some(by), request: Some(message.id), tried, again_at, is_said: false });
        self.expires(session, again_at);
        fail::fail_point!("wake.after_asking");
        Ok(())
    }

    /// Tells whether something waits that is worth a turn: messages to the session alone, reminders, and what it wanted to be
    /// told.
    fn has_mail(&mut self, session: SessionId, runtime: &Runtime) -> Result<bool, StoreError> {
        if runtime.batch.is_some() || self.shared.leases.is_on_a_link(session) {
            return Ok(false);
        }
        let Some(head) = self.tx.head(session)? else { return Ok(false) };
        let inbox = head.inbox;
        for lane in [Lane::Msg, Lane::Ctl] {
            if inbox.heads[lane] == inbox.delivered[lane] {
                continue;
            }
            let rows = self.tx.deliveries(session, lane, inbox.delivered[lane] + 1, inbox.heads[lane])?;
            for row in rows.iter().filter(|row| delivery::is_pending(row.state)) {
                if row.kind != MessageKind::Notice || self.tx.message(row.message)?.is_some_and(|it| is_worth_it(&it)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// When to look after a wake again.
    pub(super) fn wake_again(&mut self, session: SessionId) -> Result<Option<TimestampMs>, StoreError> {
        self.wake(session)?;
        let now = self.now;
        let wake = self.tx.runtime(session)?.and_then(|runtime| runtime.wake);
        Ok(wake.map(|wake| wake.again_at).filter(|at| *at > now))
    }

    /// A notice was not delivered: it may have been a request to wake, start or end a program.
    pub(super) fn notice_ended(
        &mut self,
        message: MessageId,
        state: DeliveryState,
        reason: &str,
    ) -> Result<(), StoreError> {
        // One that ran out was not carried out either.
        if matches!(state, DeliveryState::Dead | DeliveryState::Expired) {
            self.order_refused(message, reason)?;
        }
        if state == DeliveryState::Dead { self.wake_refused(message, reason) } else { Ok(()) }
    }
}

/// Tells whether a notice is worth a turn.
fn is_worth_it(notice: &Message) -> bool {
    !notice.reminds_of.is_empty() || matches!(notice.tells.as_deref(), Some(Tells::Rested { .. }))
}
