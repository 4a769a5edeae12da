//! Jobs, who has them, and which of them are due.

use diesel::{
    dsl::{count_star, min},
    prelude::*,
};
use tieline_model::{
    JobId, PrincipalId, SessionId, TimestampMs,
    job::{JobState, Standing},
};

use super::{
    Tx,
    job_row::{JobRow, NewJob, Stored},
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{job_needs, jobs, sessions},
};

impl Tx<'_> {
    /// Writes a new job.
    pub fn insert_job(&mut self, new: &NewJob<'_>, standing: &Standing) -> Result<JobRow, StoreError> {
        let session_no = new.session.map(|session| self.no(session)).transpose()?;
        let from_no = self.no(new.from)?;
        diesel::insert_into(jobs::table)
            .values((
                jobs::id.eq(new.id.as_bytes().as_slice()),
                jobs::session_no.eq(session_no),
                jobs::from_no.eq(from_no),
                jobs::principal.eq(new.principal.as_bytes().as_slice()),
                jobs::title.eq(new.title),
                jobs::input.eq(new.input),
                jobs::executor.eq(new.executor.map(rows::to_json).transpose()?),
                jobs::retry.eq(rows::to_json(new.retry)?),
                jobs::span_ms.eq(new.span_ms.map(signed)),
                jobs::created_at_ms.eq(new.created_at.0),
                jobs::state.eq(rows::job_state_number(standing.state)),
                jobs::attempts.eq(i64::from(standing.attempts)),
                jobs::lease.eq(signed(standing.lease)),
                jobs::ready_at_ms.eq(standing.ready_at.0),
                jobs::deadline_ms.eq(standing.deadline.map(|at| at.0)),
                jobs::due_ms.eq(standing.due().map(|at| at.0)),
            ))
            .execute(self.conn)?;
        let row = self.job(new.id)?.ok_or(StoreError::Damaged { table: "jobs", what: "a new row is gone".into() })?;
        for needs_no in new.needs {
            diesel::insert_or_ignore_into(job_needs::table)
                .values((job_needs::job_no.eq(row.no), job_needs::needs_no.eq(needs_no)))
                .execute(self.conn)?;
        }
        Ok(row)
    }

    /// Writes how far a job has come, whose it is, and what came of it.
    pub fn update_job(&mut self, row: &JobRow) -> Result<(), StoreError> {
        let session_no = row.session.map(|session| self.no(session)).transpose()?;
        let standing = &row.standing;
        let values = [
            Value::MaybeInt(session_no),
            Value::Int(i64::from(rows::job_state_number(standing.state))),
            Value::Int(i64::from(standing.attempts)),
            Value::Int(signed(standing.lease)),
            Value::Bytes(row.worker.as_ref().map(|id| id.as_bytes().as_slice())),
            Value::MaybeInt(standing.leased_until.map(|at| at.0)),
            Value::Int(standing.ready_at.0),
            Value::MaybeInt(standing.deadline.map(|at| at.0)),
            Value::MaybeInt(standing.due().map(|at| at.0)),
            Value::Bytes(row.notified.as_ref().map(|id| id.as_bytes().as_slice())),
            Value::Text(row.result.as_deref()),
            Value::Text(row.json.as_deref()),
            Value::Text(row.reason.as_deref()),
            Value::MaybeInt(row.ended_at.map(|at| at.0)),
            Value::Int(row.no),
        ];
        let sql = "UPDATE jobs SET session_no = ?, state = ?, attempts = ?, lease = ?, worker = ?, leased_until_ms = ?, \
                   ready_at_ms = ?, deadline_ms = ?, due_ms = ?, notified = ?, result = ?, json = ?, reason = ?, \
                   ended_at_ms = ? WHERE no = ?";
        Update { sql, values: &values }.execute(self.conn)?;
        Ok(())
    }

    /// Returns a job.
    pub fn job(&mut self, id: JobId) -> Result<Option<JobRow>, StoreError> {
        let found: Option<Stored> = jobs::table
            .filter(jobs::id.eq(id.as_bytes().as_slice()))
            .select(Stored::as_select())
            .get_result(self.conn)
            .optional()?;
        Ok(self.job_rows(found.into_iter().collect())?.pop())
    }

    /// Returns the jobs given by a session that somebody has to look at by an instant, the longest waiting first.
    pub fn due_jobs(&mut self, from: SessionId, now: TimestampMs, limit: i64) -> Result<Vec<JobRow>, StoreError> {
        let from_no = self.no(from)?;
        let found = jobs::table
            .filter(jobs::from_no.eq(from_no))
            .filter(jobs::due_ms.le(now.0))
            .order((jobs::due_ms, jobs::no))
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns when somebody has to look at the next job given by a session.
    pub fn next_job_due(&mut self, from: SessionId) -> Result<Option<TimestampMs>, StoreError> {
        let from_no = self.no(from)?;
        let due = jobs::table.filter(jobs::from_no.eq(from_no)).filter(jobs::due_ms.is_not_null());
        let at: Option<i64> = due.select(min(jobs::due_ms)).get_result(self.conn)?;
        Ok(at.map(TimestampMs))
    }

    /// Returns queued jobs of one session that may be taken at an instant, oldest first.
    pub fn takable_jobs_of(
        &mut self,
        session: SessionId,
        now: TimestampMs,
        limit: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        let no = self.no(session)?;
        let found = jobs::table
            .filter(jobs::session_no.eq(no))
            .filter(jobs::state.eq(rows::job_state_number(JobState::Queued)))
            .filter(jobs::ready_at_ms.le(now.0))
            .order(jobs::no)
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns queued jobs of all open sessions of a principal that may be taken at an instant, oldest first.
    pub fn takable_jobs(
        &mut self,
        owner: PrincipalId,
        home: SessionId,
        now: TimestampMs,
        limit: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        let own = sessions::table
            .filter(sessions::owner.eq(owner.as_bytes().as_slice()).or(sessions::id.eq(home.as_bytes().as_slice())))
            .select(sessions::no.nullable());
        let found = jobs::table
            .filter(jobs::session_no.eq_any(own))
            .filter(jobs::state.eq(rows::job_state_number(JobState::Queued)))
            .filter(jobs::ready_at_ms.le(now.0))
            .order(jobs::no)
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns queued jobs for any worker that may be taken at an instant, after a row, oldest first.
    pub fn jobs_for_anyone(&mut self, after: i64, now: TimestampMs, limit: i64) -> Result<Vec<JobRow>, StoreError> {
        let found = jobs::table
            .filter(jobs::executor.is_not_null())
            .filter(jobs::state.eq(rows::job_state_number(JobState::Queued)))
            .filter(jobs::ready_at_ms.le(now.0))
            .filter(jobs::no.gt(after))
            .order(jobs::no)
            .limit(limit)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns the jobs of a session that have not ended.
    pub fn open_jobs_of(&mut self, session: SessionId) -> Result<Vec<JobRow>, StoreError> {
        let no = self.no(session)?;
        let found = jobs::table
            .filter(jobs::session_no.eq(no))
            .filter(jobs::state.lt(rows::job_state_number(JobState::Done)))
            .order(jobs::no)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns the jobs that wait for this one among others.
    pub fn jobs_waiting_for(&mut self, no: i64) -> Result<Vec<JobRow>, StoreError> {
        let found = jobs::table
            .inner_join(job_needs::table.on(job_needs::job_no.eq(jobs::no)))
            .filter(job_needs::needs_no.eq(no))
            .filter(jobs::state.eq(rows::job_state_number(JobState::Waiting)))
            .order(jobs::no)
            .select(Stored::as_select())
            .load(self.conn)?;
        self.job_rows(found)
    }

    /// Returns the jobs that this one needs, with where they stand.
    pub fn job_needs(&mut self, no: i64) -> Result<Vec<(JobId, JobState)>, StoreError> {
        needs(self.conn, no)
    }

    /// Counts the jobs given by a session that have not ended.
    pub fn count_jobs(&mut self, from: SessionId) -> Result<u64, StoreError> {
        let from_no = self.no(from)?;
        let given = jobs::table.filter(jobs::from_no.eq(from_no));
        let open = given.filter(jobs::state.lt(rows::job_state_number(JobState::Done)));
        Ok(unsigned(open.select(count_star()).get_result(self.conn)?))
    }

    fn job_rows(&mut self, found: Vec<Stored>) -> Result<Vec<JobRow>, StoreError> {
        found
            .into_iter()
            .map(|stored| {
                let session = stored.session_no.map(|no| self.session_id(no)).transpose()?;
                let from = self.session_id(stored.from_no)?;
                stored.into_row(session, from)
            })
            .collect()
    }
}

/// Reads the jobs that one needs.
pub(crate) fn needs(conn: &mut SqliteConnection, no: i64) -> Result<Vec<(JobId, JobState)>, StoreError> {
    let found: Vec<(Vec<u8>, i32)> = jobs::table
        .inner_join(job_needs::table.on(job_needs::needs_no.eq(jobs::no)))
        .filter(job_needs::job_no.eq(no))
        .order(jobs::no)
        .select((jobs::id, jobs::state))
        .load(conn)?;
    found.into_iter().map(|(id, state)| Ok((rows::job_id("jobs", &id)?, rows::job_state(state)?))).collect()
}
