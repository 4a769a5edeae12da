//! The giver's side of a job: making it, withdrawing it, having it tried again.

use tieline_model::{
    EventBody, JobId, Lane, Principal, Refusal, Reply, Scope, SessionId,
    command::{JobCancel, JobCreate, JobRetry},
    job::{Input, JobState, RetryPolicy, Standing},
    outcome::Code,
    text,
};
use tieline_store::{JobRow, NewJob, StoreError};

use super::{Decision, Stop, job_moves::Cause};
use crate::{query::jobs::view, request::Request};

/// How many jobs that have not ended one session may have given.
const MOST_OPEN: u64 = 10_000;
/// How many jobs one may need.
const MOST_NEEDS: usize = 32;
/// The longest time for a job, in milliseconds: a year.
const LONGEST_MS: u64 = 365 * 24 * 3_600_000;
/// About how long the message is that tells of a job, in bytes.
const TOLD_BYTES: usize = 512;

impl Decision<'_, '_> {
    pub(super) fn job_create(&mut self, request: &Request, create: &JobCreate) -> Result<Reply, Stop> {
        let caller = &request.principal;
        text::check_name(&create.title, "job_create.title")?;
        text::check_body(&create.input, "job_create.input", self.shared.config.limits.text_bytes)?;
        check_policy(&create.retry)?;
        let span_ms = check_span(create.deadline_in_ms, "job_create.deadline_in_ms")?;
        let from = self.acting(request, create.sender.as_ref(), "job_create.as")?;
        let session = self.job_target(request, create)?;
        if let Some(to) = session {
            self.admit(&[to], Lane::Msg, TOLD_BYTES, "job_create.session")?;
        }
        self.check_budgets(from)?;
        let open = self.tx.count_jobs(from)?;
        if open >= MOST_OPEN {
            let message = format!("the session has given {open} jobs that have not ended; at most {MOST_OPEN} may be");
            return Err(Refusal::new(Code::Quota, message).at("job_create").into());
        }
        let (needs, is_blocked) = self.check_needs(caller, &create.after)?;
        let standing = Standing::new(is_blocked, self.now, span_ms.map(|ms| self.now.plus_ms(ms)));
        let (title, input) = (self.cleaned(&create.title), self.cleaned(&create.input));
        let new = NewJob {
            id: self.shared.mint.job(),
            session,
            from,
            principal: caller.id,
            title: &title,
            input: &input,
            executor: create.executor.as_ref(),
            retry: &create.retry,
            span_ms,
            created_at: self.now,
            needs: &needs,
        };
        let mut row = self.tx.insert_job(&new, &standing)?;
        let created = EventBody::JobCreated {
            job: row.id,
            title: row.title.clone(),
            from,
            to: session,
            by: caller.id,
            deadline_ms: standing.deadline,
        };
        self.job_event(&row, &created)?;
        if let Some(at) = standing.due() {
            self.expires(from, at);
        }
        if !is_blocked {
            self.offer(&mut row, caller, None)?;
        }
        Ok(Reply::Job(Box::new(view(row, create.after.clone())?)))
    }

    pub(super) fn job_cancel(&mut self, request: &Request, cancel: &JobCancel) -> Result<Reply, Stop> {
        if let Some(reason) = &cancel.reason {
            text::check_body(reason, "job_cancel.reason", self.shared.config.limits.text_bytes)?;
        }
        let mut row = self.job_in_hand(request, cancel.job, "job_cancel.job")?;
        row.reason = cancel.reason.as_deref().map(|reason| self.cleaned(reason));
        let cause = Cause::Cancelled { by: Some(request.principal.id) };
        self.step_job(&mut row, Input::Cancel, &cause, "job_cancel.job")?;
        self.job_reply(row)
    }

    pub(super) fn job_retry(&mut self, request: &Request, retry: &JobRetry) -> Result<Reply, Stop> {
        let mut row = self.job_in_hand(request, retry.job, "job_retry.job")?;
        let span_ms = check_span(retry.deadline_in_ms, "job_retry.deadline_in_ms")?.or(row.span_ms);
        let needs = self.tx.job_needs(row.no)?;
        if let Some((id, state)) = needs.iter().find(|(_, state)| state.has_ended() && *state != JobState::Done) {
            let message =
                format!("it needs the job `{id}`, which is {}; have that one tried again first", state.as_str());
            return Err(Refusal::new(Code::TooLate, message).at("job_retry.job").into());
        }
        let input = Input::Retry {
            is_blocked: needs.iter().any(|(_, state)| *state != JobState::Done),
            deadline: span_ms.map(|ms| self.now.plus_ms(ms)),
        };
        self.step_job(&mut row, input, &Cause::Retried { by: request.principal.id }, "job_retry.job")?;
        self.job_reply(row)
    }

    /// Takes secrets out of what is going to be stored.
    pub(super) fn cleaned(&self, text: &str) -> String {
        self.shared.redaction.clean(text).into_owned()
    }

    /// Finds the session that a job is for; `None` when one is to be opened for it.
    fn job_target(&mut self, request: &Request, create: &JobCreate) -> Result<Option<SessionId>, Stop> {
        match (&create.session, &create.executor) {
            (Some(address), None) => Ok(Some(self.resolve(address, &request.principal, "job_create.session")?)),
            (None, Some(executor)) => {
                text::check_name(&executor.title, "job_create.executor.title")?;
                if let Some(backend) = &executor.backend {
                    text::check_name(backend, "job_create.executor.backend")?;
                }
                Ok(None)
            }
            (found, _) => {
                let found = if found.is_some() { "both" } else { "neither" };
                let message = format!("{found} of `session` and `executor`; wanted one of them");
                Err(Refusal::new(Code::BadInput, message).at("job_create").into())
            }
        }
    }

    /// Finds the rows of the jobs that a new one needs, and whether it has to wait for them.
    fn check_needs(&mut self, caller: &Principal, after: &[JobId]) -> Result<(Vec<i64>, bool), Stop> {
        if after.len() > MOST_NEEDS {
            let message = format!("{} jobs; at most {MOST_NEEDS} can be waited for", after.len());
            return Err(Refusal::new(Code::BadInput, message).at("job_create.after").into());
        }
        let (mut needs, mut is_blocked) = (Vec::with_capacity(after.len()), false);
        for (at, id) in after.iter().enumerate() {
            let field = format!("job_create.after[{at}]");
            let row = self.job_in_reach(caller, *id, &field)?;
            let state = row.standing.state;
            if state.has_ended() && state != JobState::Done {
                let message = format!("the job `{id}` is {} and will not be done", state.as_str());
                return Err(Refusal::new(Code::TooLate, message).at(field).into());
            }
            is_blocked |= state != JobState::Done;
            needs.push(row.no);
        }
        Ok((needs, is_blocked))
    }

    /// Answers a job as it stands now.
    pub(super) fn job_reply(&mut self, row: JobRow) -> Result<Reply, Stop> {
        let after = self.tx.job_needs(row.no)?.into_iter().map(|(id, _)| id).collect();
        Ok(Reply::Job(Box::new(view(row, after)?)))
    }

    /// Finds a job that the caller may know of.
    pub(super) fn job_in_reach(&mut self, caller: &Principal, id: JobId, field: &str) -> Result<JobRow, Stop> {
        match self.tx.job(id)? {
            Some(row) if self.sees_job(&row, caller)? => Ok(row),
            _ => Err(unknown_job(id, field).into()),
        }
    }

    fn sees_job(&mut self, row: &JobRow, caller: &Principal) -> Result<bool, StoreError> {
        if row.principal == caller.id {
            return Ok(true);
        }
        for session in row.session.into_iter().chain([row.from]) {
            if self.is_own(session, caller)? || self.reaches_session(session, caller)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether a session is in a circle that the caller reaches.
    pub(super) fn reaches_session(&mut self, session: SessionId, caller: &Principal) -> Result<bool, StoreError> {
        Ok(self.tx.head(session)?.is_some_and(|head| caller.reaches(&head.circle)))
    }

    /// Finds a job that the caller may withdraw or have tried again: one that it gave, one of an own session, or any in
    /// reach with the scope for it.
    fn job_in_hand(&mut self, request: &Request, id: JobId, field: &str) -> Result<JobRow, Stop> {
        let caller = &request.principal;
        let row = self.job_in_reach(caller, id, field)?;
        let mut is_own = row.principal == caller.id || self.is_own(row.from, caller)?;
        if let Some(session) = row.session {
            is_own = is_own || self.is_own(session, caller)?;
        }
        if is_own || caller.may(Scope::SessionManage) {
            return Ok(row);
        }
        let message = format!("the job `{id}` is between other sessions");
        Err(Refusal::new(Code::NotYourSession, message).at(field).into())
    }
}

/// The refusal for a job that does not exist or that the caller may not know of: the two look the same.
pub(crate) fn unknown_job(id: JobId, field: &str) -> Refusal {
    Refusal::new(Code::UnknownJob, format!("no job `{id}` in reach")).at(field)
}

fn check_policy(policy: &RetryPolicy) -> Result<(), Stop> {
    let most = RetryPolicy::MOST_ATTEMPTS;
    if policy.max_attempts == 0 || policy.max_attempts > most {
        let message = format!("{} attempts; wanted 1 to {most}", policy.max_attempts);
        return Err(Refusal::new(Code::BadInput, message).at("job_create.retry.max_attempts").into());
    }
    let longest = RetryPolicy::LONGEST_DELAY_MS;
    if policy.delay_ms > longest {
        let message = format!("{} milliseconds; wanted 0 to {longest}", policy.delay_ms);
        return Err(Refusal::new(Code::BadInput, message).at("job_create.retry.delay_ms").into());
    }
    Ok(())
}

fn check_span(asked: Option<u64>, field: &str) -> Result<Option<u64>, Stop> {
    match asked {
        Some(ms) if !(1..=LONGEST_MS).contains(&ms) => {
            let message = format!("{ms} milliseconds; wanted 1 to {LONGEST_MS}");
            Err(Refusal::new(Code::BadInput, message).at(field).into())
        }
        other => Ok(other),
    }
}
