//! Handing messages to the hook of an agent program, and taking its record as the evidence that they arrived.
//!
//! One batch at a time: what was handed out is committed before the hook learns of it, and nothing more is handed out
//! before the program's own record has shown it, or has shown that it is not there. A record that shows nothing of it time after
//! time ends that: each attempt costs a turn of a model.

use tieline_model::{
    DeliveryState, EventBody, Lane, Message, SessionId,
    command::Report,
    delivery::{self, Input},
    event::{RuntimeHanded, RuntimeWoken},
    message::PerLane,
    runtime::{Batch, RECORD_LAG_MS, Runtime, RuntimeState, SHOWN_BYTES, Signal, Waking},
};
use tieline_store::StoreError;

use super::{Decision, inbox::Witness};

/// The most messages that one hook brings.
const MAX_MESSAGES: usize = 10;
/// After so many batches in a row that were not in its record a program is neither kept going nor woken for its mail: it comes
/// with what somebody prompts it with, and after a pause. A program that listens pauses by itself.
const MOST_MISSES: u32 = 3;
/// What the frame round a message needs, in bytes.
const FRAME_BYTES: usize = 300;

impl Decision<'_, '_> {
    /// Takes the word of a hook that what was handed out is in the program's record, or that it is not.
    pub(super) fn confirm(
        &mut self,
        session: SessionId,
        runtime: &mut Runtime,
        report: &Report,
    ) -> Result<(), StoreError> {
        let Some(batch) = runtime.batch.clone() else { return Ok(()) };
        if batch.messages.iter().all(|message| report.seen.contains(message)) {
            runtime.batch = None;
            runtime.missed = 0;
            // What woke it has worked, also when nobody heard of the turn that began.
            runtime.wake = runtime.wake.take().filter(|wake| wake.by.is_none());
            for lane in Lane::ALL {
                self.seen_through(session, lane, batch.through[lane])?;
            }
            return Ok(());
        }
        let is_settled = self.now.0.saturating_sub(batch.at.0) >= RECORD_LAG_MS;
        if is_settled && batch.messages.iter().all(|message| report.missing.contains(message)) {
            runtime.batch = None;
            runtime.missed += 1;
            let missing = RuntimeHanded::Missing { messages: batch.messages, missed: runtime.missed };
            self.event(session, EventBody::RuntimeHanded(Box::new(missing)))?;
            if is_hopeless(runtime) {
                self.pause(session, runtime)?;
            }
        }
        Ok(())
    }

    /// Leaves a program alone for a while.
    fn pause(&mut self, session: SessionId, runtime: &mut Runtime) -> Result<(), StoreError> {
        let reason = format!("what is handed to it does not get into its record, {} times in a row", runtime.missed);
        self.event(session, EventBody::RuntimeWoken(Box::new(RuntimeWoken::GaveUp { reason })))?;
        let again_at = self.now.plus_ms(self.shared.config.agents.wake_again_ms);
        runtime.wake = Some(Waking { by: None, request: None, tried: Vec::new(), again_at, is_said: true });
        Ok(())
    }

    fn seen_through(&mut self, session: SessionId, lane: Lane, through: u64) -> Result<(), StoreError> {
        let Some(head) = self.tx.head(session)? else { return Ok(()) };
        let mut inbox = head.inbox;
        // It cannot be beyond the newest: the numbers are our own.
        if let Ok(moved) = inbox.deliver(lane, through) {
            self.advance(session, lane, moved, DeliveryState::Delivered, Witness::Record)?;
        }
        if let Ok(moved) = inbox.see(lane, through) {
            self.advance(session, lane, moved, DeliveryState::Seen, Witness::Record)?;
        }
        Ok(())
    }

    /// Chooses what the hook brings before the model now, and keeps that as the batch that is awaited.
    pub(super) fn hand_out(
        &mut self,
        session: SessionId,
        runtime: &mut Runtime,
        report: &Report,
    ) -> Result<Vec<Message>, StoreError> {
        // A peer that writes for the session over a link gets its messages there.
        if report.room == 0 || runtime.batch.is_some() || self.shared.leases.is_on_a_link(session) {
            return Ok(Vec::new());
        }
        if is_hopeless(runtime) && report.signal != Signal::Prompted {
            return Ok(Vec::new());
        }
        if report.listens && !self.may_prompt(session, runtime, report)? {
            return Ok(Vec::new());
        }
        let Some(head) = self.tx.head(session)? else { return Ok(Vec::new()) };
        let inbox = head.inbox;
        let mut room = report.room as usize;
        let (mut messages, mut through) = (Vec::new(), PerLane::<u64>::default());
        for lane in Lane::ALL {
            through[lane] = inbox.delivered[lane];
            if inbox.heads[lane] == inbox.delivered[lane] {
                continue;
            }
            for row in self.tx.deliveries(session, lane, inbox.delivered[lane] + 1, inbox.heads[lane])? {
                if delivery::is_pending(row.state) && row.expires_at <= self.now {
                    self.end(session, &row, Input::TimeRanOut, "its time ran out before it was delivered")?;
                } else if delivery::is_pending(row.state) {
                    let needed = FRAME_BYTES + usize::try_from(row.bytes).unwrap_or(SHOWN_BYTES).min(SHOWN_BYTES);
                    let fits = messages.len() < MAX_MESSAGES && needed <= room;
                    let Some(message) = self.tx.message(row.message)?.filter(|_| fits) else { break };
                    room -= needed;
                    messages.push(message);
                }
                through[lane] = row.seq;
            }
        }
        if messages.is_empty() {
            return Ok(messages);
        }
        fail::fail_point!("report.before_hand_out");
        let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
        let out = RuntimeHanded::Out { messages: ids.clone(), hook: report.hook.clone() };
        self.event(session, EventBody::RuntimeHanded(Box::new(out)))?;
        runtime.batch = Some(Batch { messages: ids, through, via: report.hook.clone(), at: self.now });
        fail::fail_point!("report.after_hand_out");
        Ok(messages)
    }

    /// Tells whether a program can be prompted now. What a hook prints waits for the program; a prompt does not: it would go
    /// past a question that is open, or come before what the program was started for.
    fn may_prompt(&mut self, session: SessionId, runtime: &Runtime, report: &Report) -> Result<bool, StoreError> {
        let asks_permission = self.tx.agent_progress(session)?.is_some_and(|it| !it.approvals.is_empty());
        let is_by_itself = report.signal == Signal::Recorded;
        let is_there = runtime.state != RuntimeState::Offline && !runtime.is_settling(self.now);
        Ok(!asks_permission && (!is_by_itself || is_there))
    }

    /// Tells whether a delivery was handed to a hook and is not in the program's record yet.
    pub(super) fn is_handed(&mut self, session: SessionId, lane: Lane, seq: u64) -> Result<bool, StoreError> {
        let Some(batch) = self.tx.runtime(session)?.and_then(|runtime| runtime.batch) else { return Ok(false) };
        Ok(seq <= batch.through[lane])
    }
}

fn is_hopeless(runtime: &Runtime) -> bool {
    !runtime.listens && runtime.missed >= MOST_MISSES
}
