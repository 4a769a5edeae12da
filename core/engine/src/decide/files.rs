//! Leases on files: who is about to change what. They keep nobody from writing; they let others know before.

use tieline_model::{
    Code, Refusal, Reply, SessionId,
    command::{FileLease, FileRelease},
    file,
    reply::{FileLeaseView, FileLeased, FileReleased},
    text,
};
use tieline_store::{FileLeaseRow, StoreError};

use super::{Decision, Stop, collide::WINDOW_MS};
use crate::request::Request;

/// How long a lease is when nobody says, in milliseconds.
const USUAL_MS: u64 = 30 * 60_000;
/// The shortest lease, in milliseconds.
const SHORTEST_MS: u64 = 1_000;
/// The longest lease, in milliseconds.
const LONGEST_MS: u64 = 24 * 3_600_000;
/// The most paths of one command.
const MAX_PATHS: usize = 100;
/// The most leases of one session.
const MAX_LEASES: usize = 1_000;
/// The longest note, in bytes.
const MAX_NOTE: usize = 500;

impl Decision<'_, '_> {
    pub(super) fn file_lease(&mut self, request: &Request, lease: &FileLease) -> Result<Reply, Stop> {
        let span = match lease.for_ms.unwrap_or(USUAL_MS) {
            ms @ SHORTEST_MS..=LONGEST_MS => ms,
            ms => {
                let message = format!("{ms} milliseconds; wanted {SHORTEST_MS} to {LONGEST_MS}");
                return Err(Refusal::new(Code::BadInput, message).at("file_lease.for_ms").into());
            }
        };
        if let Some(note) = &lease.note {
            text::check_body(note, "file_lease.note", MAX_NOTE)?;
        }
        let session = self.acting(request, lease.sender.as_ref(), "file_lease.as")?;
        let paths = self.paths(session, &lease.paths, 1, "file_lease.paths")?;
        let held = self.tx.other_file_leases(session, &paths, self.now)?;
        if usize::try_from(held).unwrap_or(usize::MAX) + paths.len() > MAX_LEASES {
            let message =
                format!("{held} other leases are held; at most {MAX_LEASES} are allowed together, give some back");
            return Err(Refusal::new(Code::Quota, message).at("file_lease.paths").into());
        }
        self.tx.forget_files(self.now, self.now.minus_ms(WINDOW_MS))?;
        let note = lease.note.as_deref().map(|note| self.cleaned(note));
        let (mut leases, mut others) = (Vec::with_capacity(paths.len()), Vec::new());
        for path in paths {
            let overlapping = self.tx.file_leases_on(&path, self.now)?;
            let since = overlapping.iter().find(|row| row.session == session && row.path == path).map(|row| row.since);
            for row in overlapping {
                if row.session != session && self.is_beside(session, row.session)? && !others.contains(&row) {
                    others.push(row);
                }
            }
            let (since, until) = (since.unwrap_or(self.now), self.now.plus_ms(span));
            let row = FileLeaseRow { path, session, since, until, note: note.clone() };
            self.tx.set_file_lease(&row)?;
            leases.push(row);
        }
        Ok(Reply::FileLeased(FileLeased { leases: self.lease_views(leases)?, others: self.lease_views(others)? }))
    }

    pub(super) fn file_release(&mut self, request: &Request, release: &FileRelease) -> Result<Reply, Stop> {
        let session = self.acting(request, release.sender.as_ref(), "file_release.as")?;
        let paths = self.paths(session, &release.paths, 0, "file_release.paths")?;
        let only = (!paths.is_empty()).then_some(paths.as_slice());
        let paths = self.tx.end_file_leases(session, only, self.now)?;
        Ok(Reply::FileReleased(FileReleased { paths }))
    }

    fn paths(&mut self, session: SessionId, paths: &[String], least: usize, field: &str) -> Result<Vec<String>, Stop> {
        let count = paths.len();
        if !(least..=MAX_PATHS).contains(&count) {
            let message = format!("{count} paths; wanted {least} to {MAX_PATHS}");
            return Err(Refusal::new(Code::BadInput, message).at(field).into());
        }
        let project = self.tx.project(session)?;
        let mut all = Vec::with_capacity(count);
        for (at, path) in paths.iter().enumerate() {
            let path = self.cleaned(&file::absolute(path, project.as_deref(), &format!("{field}[{at}]"))?);
            if !all.contains(&path) {
                all.push(path);
            }
        }
        Ok(all)
    }

    /// Tells whether two sessions are in one circle, so that one may know what the other does.
    pub(super) fn is_beside(&mut self, session: SessionId, other: SessionId) -> Result<bool, StoreError> {
        let circle = self.tx.head(session)?.map(|head| head.circle.clone());
        Ok(self.tx.head(other)?.is_some_and(|head| head.is_open && Some(&head.circle) == circle.as_ref()))
    }

    fn lease_views(&mut self, rows: Vec<FileLeaseRow>) -> Result<Vec<FileLeaseView>, StoreError> {
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            let FileLeaseRow { path, session, since, until, note } = row;
            let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
            views.push(FileLeaseView { path, session, title, since_ms: since, until_ms: until, note });
        }
        Ok(views)
    }
}
