//! Jobs as they are shown.

use tieline_model::{
    JobId, Reply, SessionId,
    command::{JobList, JobRef},
    reply::{JobView, Jobs},
};
use tieline_store::{JobRow, StoreError};

use super::{Query, limit};
use crate::decide::{Stop, unknown_job};

/// How many rows are looked at together.
const ROWS: i64 = 500;

/// Shows a job with all that is known of it.
pub(crate) fn view(row: JobRow, after: Vec<JobId>) -> Result<JobView, StoreError> {
    let parse = |text: &String| {
        serde_json::from_str(text).map_err(|error| StoreError::Damaged { table: "jobs", what: error.to_string() })
    };
    Ok(JobView {
        job: row.id,
        title: row.title,
        state: row.standing.state,
        session: row.session,
        executor: row.executor,
        from: row.from,
        by: row.principal,
        created_at_ms: row.created_at,
        deadline_ms: row.standing.deadline,
        retry: row.retry,
        attempts: row.standing.attempts,
        lease: row.standing.lease,
        worker: row.worker,
        leased_until_ms: row.standing.leased_until,
        ready_at_ms: row.standing.ready_at,
        after,
        input: Some(row.input),
        result: row.result,
        json: row.json.as_ref().map(parse).transpose()?,
        reason: row.reason,
        ended_at_ms: row.ended_at,
    })
}

impl Query<'_> {
    pub(super) fn job_list(&mut self, list: &JobList) -> Result<Reply, Stop> {
        let limit = limit(list.limit, 100, 500, "job_list.limit")? as usize;
        let of = match &list.session {
            Some(address) => Some(self.find(address, "job_list.session")?),
            None => None,
        };
        let mut found = Vec::new();
        let mut after = list.after;
        // One more than asked for shows whether there are more.
        while found.len() <= limit {
            let rows = self.reader.jobs(of, after, list.state, list.include_ended, ROWS)?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let seen = rows.into_iter().filter(|row| self.sees_job(row));
            found.extend(seen.take(limit + 1 - found.len()).collect::<Vec<_>>());
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().map(|row| row.id).filter(|_| has_more);
        let mut jobs = Vec::with_capacity(found.len());
        for row in found {
            // A page of inputs and results would be far too long.
            jobs.push(JobView { input: None, result: None, json: None, ..view(row, Vec::new())? });
        }
        Ok(Reply::Jobs(Jobs { jobs, next }))
    }

    pub(super) fn job_get(&mut self, get: &JobRef) -> Result<Reply, Stop> {
        let row = self.reader.job(get.job)?.filter(|row| self.sees_job(row));
        let row = row.ok_or_else(|| unknown_job(get.job, "job_get.job"))?;
        let after = self.reader.job_needs(row.no)?;
        Ok(Reply::Job(Box::new(view(row, after)?)))
    }

    fn sees_job(&self, row: &JobRow) -> bool {
        row.principal == self.caller.id
            || row.session.into_iter().chain([row.from]).any(|session: SessionId| self.may_see(session))
    }
}
