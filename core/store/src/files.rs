//! Reading which files are on lease.

use diesel::prelude::*;
use tieline_model::{SessionId, TimestampMs};

use crate::{
    Reader, StoreError, rows,
    schema::{file_leases, sessions},
};

/// One lease on a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLeaseRow {
    /// The absolute path; a folder ends with `/`.
    pub path: String,
    /// Who has it.
    pub session: SessionId,
    /// Since when.
    pub since: TimestampMs,
    /// Until when.
    pub until: TimestampMs,
    /// What for.
    pub note: Option<String>,
}

impl Reader {
    /// Reads the leases in a circle that hold, by path, at most `limit`.
    pub fn file_leases(&mut self, circle: &str, now: TimestampMs, limit: i64) -> Result<Vec<FileLeaseRow>, StoreError> {
        type Stored = (String, Vec<u8>, i64, i64, Option<String>);
        let found: Vec<Stored> = file_leases::table
            .inner_join(sessions::table.on(sessions::no.eq(file_leases::session_no)))
            .filter(sessions::circle.eq(circle))
            .filter(file_leases::until_ms.gt(now.0))
            .order((file_leases::path, file_leases::session_no))
            .limit(limit)
            .select((file_leases::path, sessions::id, file_leases::since_ms, file_leases::until_ms, file_leases::note))
            .load(self.conn()?)?;
        let row = |(path, id, since, until, note): Stored| {
            let session = rows::session_id("sessions", &id)?;
            Ok(FileLeaseRow { path, session, since: TimestampMs(since), until: TimestampMs(until), note })
        };
        found.into_iter().map(row).collect()
    }
}
