//! What follows when a job moves: its events, who is told, and what other jobs make of it.

use std::collections::VecDeque;

use tieline_model::{
    EventBody, MessageId, MessageKind, Principal, PrincipalId, Refusal, SessionId, TimestampMs,
    job::{Input, JobState, Refused, Standing, Step},
    outcome::Code,
};
use tieline_store::{JobRow, StoreError};

use super::{Decision, Stop, send::Draft};
use crate::shared::Shared;

/// How many jobs one look deals with. What is left over is looked at right afterwards.
const BATCH: usize = 256;
/// How much of a result goes into the message that tells of it, in characters.
const TOLD_CHARS: usize = 2_000;

/// Why a job moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Taken { by: PrincipalId },
    Renewed,
    Finished { by: PrincipalId },
    Failed { by: PrincipalId },
    Cancelled { by: Option<PrincipalId> },
    Retried { by: PrincipalId },
    Unblocked,
    Time,
}

impl Cause {
    const fn by(self) -> Option<PrincipalId> {
        match self {
            Cause::Taken { by } | Cause::Finished { by } | Cause::Failed { by } | Cause::Retried { by } => Some(by),
            Cause::Cancelled { by } => by,
            Cause::Renewed | Cause::Unblocked | Cause::Time => None,
        }
    }
}

impl Decision<'_, '_> {
    /// Has something happen to a job. What time has done to it is written down first, as what it is.
    pub(super) fn step_job(&mut self, row: &mut JobRow, input: Input, cause: &Cause, field: &str) -> Result<(), Stop> {
        let next = match row.standing.step(&row.retry, input, self.now) {
            Ok(Step::To(next)) => next,
            Ok(Step::Same) => return Ok(()),
            Err(refused) => return Err(self.refusal(row, &refused).at(field).into()),
        };
        if let Ok(Step::To(ticked)) = row.standing.step(&row.retry, Input::Tick, self.now) {
            self.move_job(row, ticked, Cause::Time)?;
        }
        Ok(self.move_job(row, next, *cause)?)
    }

    /// Looks at the jobs that a session gave and whose lease or time is over. Returns when to look again.
    pub(super) fn expire_jobs(&mut self, from: SessionId) -> Result<Option<TimestampMs>, StoreError> {
        if self.tx.head(from)?.is_none() {
            return Ok(None);
        }
        let due = self.tx.due_jobs(from, self.now, i64::try_from(BATCH).unwrap_or(i64::MAX))?;
        for row in due {
            // One of them may have been cancelled by the end of another.
            let Some(mut row) = self.tx.job(row.id)? else { continue };
            if let Ok(Step::To(next)) = row.standing.step(&row.retry, Input::Tick, self.now) {
                fail::fail_point!("job.before_expiry");
                self.move_job(&mut row, next, Cause::Time)?;
                fail::fail_point!("job.after_expiry");
            }
        }
        self.tx.next_job_due(from)
    }

    /// Withdraws the jobs of a session that takes no more.
    pub(super) fn drop_jobs(&mut self, session: SessionId, reason: &str) -> Result<(), StoreError> {
        for mut row in self.tx.open_jobs_of(session)? {
            if let Ok(Step::To(next)) = row.standing.step(&row.retry, Input::Cancel, self.now) {
                row.reason = Some(reason.to_owned());
                self.move_job(&mut row, next, Cause::Cancelled { by: None })?;
            }
        }
        Ok(())
    }

    /// Writes how a job stands now, and all that follows from it for jobs that need it.
    pub(super) fn move_job(&mut self, row: &mut JobRow, next: Standing, cause: Cause) -> Result<(), StoreError> {
        self.write_move(row, next, cause)?;
        let mut ended = VecDeque::new();
        if next.state.has_ended() {
            ended.push_back((row.no, row.id, next.state));
        }
        while let Some((no, id, state)) = ended.pop_front() {
            for mut waiting in self.tx.jobs_waiting_for(no)? {
                let (input, cause) = if state != JobState::Done {
                    waiting.reason = Some(format!("it needs the job `{id}`, which is {}", state.as_str()));
                    (Input::Cancel, Cause::Cancelled { by: None })
                } else if self.tx.job_needs(waiting.no)?.iter().all(|(_, state)| *state == JobState::Done) {
                    (Input::Unblocked, Cause::Unblocked)
                } else {
                    continue;
                };
                // What time has done to it comes when its own deadline is looked at.
                let Ok(Step::To(next)) = waiting.standing.step(&waiting.retry, input, self.now) else { continue };
                self.write_move(&mut waiting, next, cause)?;
                if next.state.has_ended() {
                    ended.push_back((waiting.no, waiting.id, next.state));
                }
            }
        }
        Ok(())
    }

    fn write_move(&mut self, row: &mut JobRow, next: Standing, cause: Cause) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut row.standing, next);
        row.ended_at = next.state.has_ended().then_some(self.now);
        match cause {
            Cause::Taken { by } => row.worker = Some(by),
            Cause::Retried { .. } => (row.reason, row.result, row.json) = (None, None, None),
            Cause::Time if next.state == JobState::Expired => row.reason = Some("its deadline passed".to_owned()),
            Cause::Time => row.reason = Some("the lease ran out".to_owned()),
            _ => {}
        }
        self.tx.update_job(row)?;
        if let Some(at) = next.due() {
            self.expires(row.from, at);
        }
        if let Some(event) = event(row, &before, cause) {
            self.job_event(row, &event)?;
        }
        self.tell_of_move(row, &before, cause)
    }

    /// Puts an event on the timelines of both sides.
    pub(super) fn job_event(&mut self, row: &JobRow, body: &EventBody) -> Result<(), StoreError> {
        if let Some(session) = row.session.filter(|session| *session != row.from) {
            self.event(session, body.clone())?;
        }
        self.event(row.from, body.clone())
    }

    fn tell_of_move(&mut self, row: &mut JobRow, before: &Standing, cause: Cause) -> Result<(), StoreError> {
        let state = row.standing.state;
        if state == JobState::Queued {
            return match cause {
                Cause::Unblocked | Cause::Retried { .. } => self.offer(row, &Shared::system(), None),
                Cause::Time => self.offer(row, &Shared::system(), Some("the lease before ran out")),
                // Whoever could not do it knows.
                _ => Ok(()),
            };
        }
        if !state.has_ended() {
            return Ok(());
        }
        let reply_to = row.notified;
        let what = ended(row);
        let is_told = cause.by() != Some(row.principal);
        if is_told {
            self.tell_session(row.from, row.session.unwrap_or(row.from), what.clone(), reply_to)?;
        }
        // The worker is told when its work came to an end without it.
        if let Some(session) = row.session
            && before.state == JobState::Leased
            && matches!(cause, Cause::Time | Cause::Cancelled { .. })
            && !(is_told && session == row.from)
        {
            let what = format!("Stop: lease {} is over. {what}", before.lease);
            self.tell_session(session, row.from, what, reply_to)?;
        }
        Ok(())
    }

    /// Tells the session of a job that it may be taken.
    pub(super) fn offer(&mut self, row: &mut JobRow, by: &Principal, why: Option<&str>) -> Result<(), StoreError> {
        let Some(session) = row.session else { return Ok(()) };
        let again = match why {
            Some(why) => {
                format!("waits again ({why}; attempt {} of {})", row.standing.attempts + 1, row.retry.max_attempts)
            }
            None => "waits for you".to_owned(),
        };
        let pause = row.standing.ready_at.0 - self.now.0;
        let when = if pause > 0 { format!(" in {pause} ms") } else { String::new() };
        let (id, title) = (row.id, &row.title);
        let text = format!(
            "The job “{title}” {again}: {id}. Take it with job_take{when}, and say with job_finish what came of it."
        );
        let told = self.post_note(session, row.from, by, text, row.notified)?;
        if row.notified.is_none() && told.is_some() {
            row.notified = told;
            self.tx.update_job(row)?;
        }
        Ok(())
    }

    /// Has the daemon tell a session something, in the name of another.
    pub(super) fn tell_session(
        &mut self,
        to: SessionId,
        from: SessionId,
        text: String,
        reply_to: Option<MessageId>,
    ) -> Result<(), StoreError> {
        self.post_note(to, from, &Shared::system(), text, reply_to).map(drop)
    }

    fn post_note(
        &mut self,
        to: SessionId,
        from: SessionId,
        by: &Principal,
        text: String,
        reply_to: Option<MessageId>,
    ) -> Result<Option<MessageId>, StoreError> {
        if !self.is_open(to)? {
            return Ok(None);
        }
        let ttl = self.shared.config.limits.ttl_ms;
        let draft = Draft { text: Some(text), reply_to, ..Draft::default() };
        let message = self.message(MessageKind::Notify, from, by, draft, Some(ttl))?;
        self.post(&message, &[to])?;
        Ok(Some(message.id))
    }

    pub(super) fn refusal(&self, row: &JobRow, refused: &Refused) -> Refusal {
        let id = row.id;
        match refused {
            Refused::OldLease { .. } => Refusal::new(Code::Fenced, format!("the job `{id}`: {refused}")),
            Refused::NotReady(at) => {
                let pause = u64::try_from(at.0 - self.now.0).unwrap_or_default();
                let message = format!("the job `{id}` rests for {pause} ms after an attempt that came to nothing");
                Refusal::new(Code::TooLate, message).retry_after(pause)
            }
            Refused::State(state) => {
                Refusal::new(Code::TooLate, format!("the job `{id}` is {}; that cannot be done now", state.as_str()))
            }
        }
    }
}

fn event(row: &JobRow, before: &Standing, cause: Cause) -> Option<EventBody> {
    let (job, lease, next) = (row.id, row.standing.lease, &row.standing);
    Some(match cause {
        Cause::Renewed => return None,
        Cause::Unblocked => EventBody::JobQueued { job },
        Cause::Taken { by } => EventBody::JobLeased {
            job,
            lease,
            attempt: next.attempts,
            by,
            until_ms: next.leased_until.unwrap_or(next.ready_at),
        },
        Cause::Finished { by } => EventBody::JobFinished { job, lease, by },
        Cause::Cancelled { by } => EventBody::JobCancelled { job, by, reason: row.reason.clone() },
        Cause::Retried { by } => EventBody::JobRetried { job, by },
        Cause::Time if next.state == JobState::Expired => EventBody::JobExpired { job, lease },
        Cause::Failed { .. } | Cause::Time => EventBody::JobFailed {
            job,
            lease,
            attempt: before.attempts,
            by: cause.by(),
            retry_at_ms: (next.state == JobState::Queued).then_some(next.ready_at),
        },
    })
}

/// Says how a job ended.
fn ended(row: &JobRow) -> String {
    let words = if row.standing.state == JobState::Done { &row.result } else { &row.reason };
    let words = words.as_deref().unwrap_or_default();
    let told: String = words.chars().take(TOLD_CHARS).collect();
    let rest = if told.len() < words.len() { "… (all of it: job_get)" } else { "" };
    let colon = if words.is_empty() { "." } else { ":\n" };
    format!("The job “{}” is {}: {}{colon}{told}{rest}", row.title, row.standing.state.as_str(), row.id)
}
