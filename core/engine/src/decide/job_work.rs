//! The worker's side of a job: taking it, keeping it, saying what came of it.

use tieline_model::{
    JobId, Principal, Refusal, Reply, Scope,
    command::{JobFinish, JobRenew, JobTake},
    job::{Input, Step},
    outcome::Code,
    reply::JobTaken,
    text,
};
use tieline_store::{JobRow, NewSession, StoreError};

use super::{Decision, Stop, job_moves::Cause, not_yours};
use crate::request::Request;

/// How long a lease is when nobody says, in milliseconds.
const USUAL_LEASE_MS: u64 = 5 * 60_000;
/// The shortest lease, in milliseconds.
const SHORTEST_LEASE_MS: u64 = 1_000;
/// The longest lease, in milliseconds.
const LONGEST_LEASE_MS: u64 = 24 * 3_600_000;
/// How many jobs are looked at together.
const ROWS: i64 = 64;

impl Decision<'_, '_> {
    pub(super) fn job_take(&mut self, request: &Request, take: &JobTake) -> Result<Reply, Stop> {
        let until = self.now.plus_ms(lease_ms(take.lease_ms, "job_take.lease_ms")?);
        let input = Input::Take { until };
        let found = match take.job {
            Some(id) => Some(self.job_to_take(request, take, id)?),
            None => self.next_job(request, take, input)?,
        };
        let Some(mut row) = found else { return Ok(Reply::JobTaken(JobTaken { job: None })) };
        if let Err(refused) = row.standing.step(&row.retry, input, self.now) {
            return Err(self.refusal(&row, &refused).at("job_take.job").into());
        }
        fail::fail_point!("job.before_take");
        self.open_for(&mut row, &request.principal)?;
        self.step_job(&mut row, input, &Cause::Taken { by: request.principal.id }, "job_take.job")?;
        fail::fail_point!("job.after_take");
        let Reply::Job(job) = self.job_reply(row)? else { return Ok(Reply::JobTaken(JobTaken { job: None })) };
        Ok(Reply::JobTaken(JobTaken { job: Some(job) }))
    }

    pub(super) fn job_renew(&mut self, request: &Request, renew: &JobRenew) -> Result<Reply, Stop> {
        let until = self.now.plus_ms(lease_ms(renew.lease_ms, "job_renew.lease_ms")?);
        let input = Input::Renew { lease: renew.lease, until };
        let mut row = self.job_on_lease(request, renew.job, input, "job_renew")?;
        self.step_job(&mut row, input, &Cause::Renewed, "job_renew.lease")?;
        self.job_reply(row)
    }

    pub(super) fn job_finish(&mut self, request: &Request, finish: &JobFinish) -> Result<Reply, Stop> {
        let by = request.principal.id;
        let json = self.check_result(finish)?;
        let (input, cause) = match &finish.error {
            None => (Input::Finish { lease: finish.lease }, Cause::Finished { by }),
            Some(_) => (Input::Fail { lease: finish.lease, is_retryable: !finish.give_up }, Cause::Failed { by }),
        };
        let mut row = self.job_on_lease(request, finish.job, input, "job_finish")?;
        let clean = |text: &String| self.cleaned(text);
        (row.result, row.reason) = (finish.result.as_ref().map(clean), finish.error.as_ref().map(clean));
        row.json = json;
        fail::fail_point!("job.before_finish");
        self.step_job(&mut row, input, &cause, "job_finish.lease")?;
        fail::fail_point!("job.after_finish");
        self.job_reply(row)
    }

    fn check_result(&self, finish: &JobFinish) -> Result<Option<String>, Stop> {
        let most = self.shared.config.limits.text_bytes;
        if let Some(result) = &finish.result {
            text::check_body(result, "job_finish.result", most)?;
        }
        if let Some(error) = &finish.error {
            text::check_body(error, "job_finish.error", most)?;
        } else if finish.give_up {
            let message = "`give_up` without `error`; wanted the error that no further attempt can mend";
            return Err(Refusal::new(Code::BadInput, message).at("job_finish.give_up").into());
        }
        let mut json = finish.json.clone();
        if let Some(json) = &mut json {
            self.clean_json(json);
        }
        let json = json.map(|json| json.to_string());
        if let Some(bytes) = json.as_ref().map(String::len).filter(|bytes| *bytes > most) {
            let message = format!("{bytes} bytes; at most {most} are allowed");
            return Err(Refusal::new(Code::TooLarge, message).at("job_finish.json").into());
        }
        Ok(json)
    }

    /// Takes secrets out of each text in it, so that it stays JSON.
    fn clean_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => *text = self.cleaned(text),
            serde_json::Value::Array(list) => list.iter_mut().for_each(|one| self.clean_json(one)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|one| self.clean_json(one)),
            _ => {}
        }
    }

    /// Finds a job by its id that the caller may take.
    fn job_to_take(&mut self, request: &Request, take: &JobTake, id: JobId) -> Result<JobRow, Stop> {
        let caller = &request.principal;
        let row = self.job_in_reach(caller, id, "job_take.job")?;
        match row.session {
            Some(session) if row.executor.is_none() && !self.is_own(session, caller)? => {
                let message = format!("the job `{id}` is for another session");
                return Err(Refusal::new(Code::NotYourSession, message).at("job_take.job").into());
            }
            _ if row.executor.is_some() && !self.may_open_for(&row, caller)? => {
                let scope = Scope::SessionOpen.as_str();
                let message = format!("the job `{id}` needs a new session; that takes `{scope}` and its circle");
                return Err(Refusal::new(Code::Forbidden, message).at("job_take.job").into());
            }
            _ => {}
        }
        if let Some(address) = &take.session
            && row.session != Some(self.resolve(address, caller, "job_take.session")?)
        {
            let message = format!("the job `{id}` is not for the session `{address}`");
            return Err(Refusal::new(Code::BadInput, message).at("job_take.session").into());
        }
        Ok(row)
    }

    /// Finds the oldest job that the caller may take now.
    fn next_job(&mut self, request: &Request, take: &JobTake, input: Input) -> Result<Option<JobRow>, Stop> {
        let (caller, now) = (&request.principal, self.now);
        let session = match &take.session {
            Some(address) => {
                let session = self.resolve(address, caller, "job_take.session")?;
                if !self.is_own(session, caller)? {
                    return Err(not_yours(address, caller, "job_take.session").into());
                }
                Some(session)
            }
            None => request.origin.link.map(|_| self.shared.usual(request)),
        };
        let own = match session {
            Some(session) => self.tx.takable_jobs_of(session, now, ROWS)?,
            None => self.tx.takable_jobs(caller.id, caller.home, now, ROWS)?,
        };
        let is_takable = |row: &JobRow| matches!(row.standing.step(&row.retry, input, now), Ok(Step::To(_)));
        if let Some(row) = own.into_iter().find(is_takable) {
            return Ok(Some(row));
        }
        let Some(backend) = take.backend.as_deref() else { return Ok(None) };
        let mut after = 0;
        loop {
            let rows = self.tx.jobs_for_anyone(after, now, ROWS)?;
            let Some(last) = rows.last() else { return Ok(None) };
            after = last.no;
            for row in rows.into_iter().filter(is_takable) {
                let wanted = row.executor.as_ref().and_then(|executor| executor.backend.as_deref());
                if wanted.is_none_or(|wanted| wanted == backend) && self.may_open_for(&row, caller)? {
                    return Ok(Some(row));
                }
            }
        }
    }

    fn may_open_for(&mut self, row: &JobRow, caller: &Principal) -> Result<bool, StoreError> {
        Ok(caller.may(Scope::SessionOpen) && self.reaches_session(row.from, caller)?)
    }

    /// Has the worker of a job for anyone write for its session: it is opened in the circle of whoever gave the job, or is
    /// taken over from the worker before.
    fn open_for(&mut self, row: &mut JobRow, worker: &Principal) -> Result<(), StoreError> {
        let Some(executor) = &row.executor else { return Ok(()) };
        if let Some(session) = row.session {
            return self.give_over(session, worker.id, worker.id);
        }
        let circle = self.tx.head(row.from)?.map(|head| head.circle.clone()).unwrap_or_default();
        let new = NewSession {
            id: self.shared.mint.session(),
            title: executor.title.clone(),
            circle,
            roles: Vec::new(),
            description: Some(row.title.clone()),
            project: None,
            owner: worker.id,
            parent: None,
            opened_at: self.now,
        };
        self.create(&new)?;
        row.session = Some(new.id);
        Ok(())
    }

    /// Finds a job that the caller has on lease. An old lease is refused before it is asked whose it was.
    fn job_on_lease(&mut self, request: &Request, id: JobId, input: Input, command: &str) -> Result<JobRow, Stop> {
        let row = self.job_in_reach(&request.principal, id, &format!("{command}.job"))?;
        if let Err(refused) = row.standing.step(&row.retry, input, self.now) {
            return Err(self.refusal(&row, &refused).at(format!("{command}.lease")).into());
        }
        if row.worker != Some(request.principal.id) {
            let message = format!("the job `{id}` is on lease to another");
            return Err(Refusal::new(Code::NotYourSession, message).at(format!("{command}.job")).into());
        }
        Ok(row)
    }
}

fn lease_ms(asked: Option<u64>, field: &str) -> Result<u64, Stop> {
    match asked.unwrap_or(USUAL_LEASE_MS) {
        ms @ SHORTEST_LEASE_MS..=LONGEST_LEASE_MS => Ok(ms),
        ms => {
            let message = format!("{ms} milliseconds; wanted {SHORTEST_LEASE_MS} to {LONGEST_LEASE_MS}");
            Err(Refusal::new(Code::BadInput, message).at(field).into())
        }
    }
}
