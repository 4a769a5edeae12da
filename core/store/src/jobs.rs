//! What is read of jobs beside the writer.

use diesel::{dsl::min, prelude::*};
use tieline_model::{JobId, SessionId, job::JobState};

use crate::{
    JobRow, Reader, StoreError, rows,
    schema::{jobs, sessions},
    tx::{StoredJob, job_needs},
};

impl Reader {
    /// Reads a job.
    pub fn job(&mut self, id: JobId) -> Result<Option<JobRow>, StoreError> {
        let conn = self.conn()?;
        let found: Option<StoredJob> = jobs::table
            .filter(jobs::id.eq(id.as_bytes().as_slice()))
            .select(StoredJob::as_select())
            .get_result(conn)
            .optional()?;
        found.map(|stored| named(conn, stored)).transpose()
    }

    /// Reads the jobs that one needs.
    pub fn job_needs(&mut self, no: i64) -> Result<Vec<JobId>, StoreError> {
        Ok(job_needs(self.conn()?, no)?.into_iter().map(|(id, _)| id).collect())
    }

    /// Reads jobs in the order in which they were made, after one, for or from one session or all.
    pub fn jobs(
        &mut self,
        of: Option<SessionId>,
        after: Option<JobId>,
        state: Option<JobState>,
        include_ended: bool,
        limit: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        let of = of.map(|session| self.session_no(session)).transpose()?;
        let mut query = jobs::table.select(StoredJob::as_select()).order(jobs::id).limit(limit).into_boxed();
        if let Some(no) = of {
            query = query.filter(jobs::from_no.eq(no).or(jobs::session_no.assume_not_null().eq(no)));
        }
        if let Some(after) = &after {
            query = query.filter(jobs::id.gt(after.as_bytes().as_slice()));
        }
        if let Some(state) = state {
            query = query.filter(jobs::state.eq(rows::job_state_number(state)));
        } else if !include_ended {
            query = query.filter(jobs::state.lt(rows::job_state_number(JobState::Done)));
        }
        let conn = self.conn()?;
        let found: Vec<StoredJob> = query.load(conn)?;
        found.into_iter().map(|stored| named(conn, stored)).collect()
    }
}

/// Finds the ids of the sessions that a row calls by number.
fn named(conn: &mut SqliteConnection, stored: StoredJob) -> Result<JobRow, StoreError> {
    let mut id = |no: i64| -> Result<SessionId, StoreError> {
        let bytes: Vec<u8> = sessions::table.find(no).select(sessions::id).get_result(conn)?;
        rows::session_id("sessions", &bytes)
    };
    let session = stored.session_no.map(&mut id).transpose()?;
    let from = id(stored.from_no)?;
    stored.into_row(session, from)
}

/// Tells when the next job given by a session runs out, or its lease does.
pub(crate) fn next_job_expiry(conn: &mut SqliteConnection, from_no: i64) -> Result<Option<i64>, StoreError> {
    let due = jobs::table.filter(jobs::from_no.eq(from_no)).filter(jobs::due_ms.is_not_null());
    Ok(due.select(min(jobs::due_ms)).get_result(conn)?)
}
