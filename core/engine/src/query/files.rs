//! The leases on files that hold.

use tieline_model::{
    Code, Refusal, Reply, command,
    reply::{FileLeaseView, FileLeases},
};

use super::{Query, Stop};

/// The most leases of one answer.
const MAX_LEASES: usize = 500;

impl Query<'_> {
    pub(super) fn file_leases(&mut self, asked: &command::FileLeases) -> Result<Reply, Stop> {
        let circle = asked.circle.as_deref().unwrap_or_else(|| self.caller.circle());
        if !self.caller.reaches(circle) {
            let message = format!("the circle `{circle}` is not in reach of `{}`", self.caller.name);
            return Err(Refusal::new(Code::Forbidden, message).at("file_leases.circle").into());
        }
        let now = self.shared.clock.now();
        let mut rows = self.reader.file_leases(circle, now, MAX_LEASES as i64 + 1)?;
        let has_more = rows.len() > MAX_LEASES;
        rows.truncate(MAX_LEASES);
        let view = |row: tieline_store::FileLeaseRow| FileLeaseView {
            title: self.shared.title(row.session),
            path: row.path,
            session: row.session,
            since_ms: row.since,
            until_ms: row.until,
            note: row.note,
        };
        Ok(Reply::FileLeases(FileLeases { leases: rows.into_iter().map(view).collect(), has_more }))
    }
}
