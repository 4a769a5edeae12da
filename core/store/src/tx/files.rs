//! Which files sessions have leased or changed lately, and which collisions were told.

use diesel::prelude::*;
use tieline_model::{SessionId, TimestampMs, file};

use super::Tx;
use crate::{
    FileLeaseRow, StoreError,
    schema::{file_changes, file_collisions, file_leases, sessions},
};

type Stored = (String, i64, i64, i64, Option<String>);

impl Tx<'_> {
    /// Returns the path of a session's project.
    pub fn project(&mut self, session: SessionId) -> Result<Option<String>, StoreError> {
        let no = self.no(session)?;
        Ok(sessions::table.find(no).select(sessions::project).get_result(self.conn)?)
    }

    /// Leases a path to a session, or does so anew.
    pub fn set_file_lease(&mut self, lease: &FileLeaseRow) -> Result<(), StoreError> {
        let no = self.no(lease.session)?;
        diesel::replace_into(file_leases::table)
            .values((
                file_leases::path.eq(&lease.path),
                file_leases::session_no.eq(no),
                file_leases::since_ms.eq(lease.since.0),
                file_leases::until_ms.eq(lease.until.0),
                file_leases::note.eq(lease.note.as_deref()),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Counts the leases of a session that hold, besides those on `paths`.
    pub fn other_file_leases(
        &mut self,
        session: SessionId,
        paths: &[String],
        now: TimestampMs,
    ) -> Result<i64, StoreError> {
        let no = self.no(session)?;
        let own = file_leases::table
            .filter(file_leases::session_no.eq(no))
            .filter(file_leases::until_ms.gt(now.0))
            .filter(file_leases::path.ne_all(paths));
        Ok(own.count().get_result(self.conn)?)
    }

    /// Ends leases of a session, all of them without `paths`; returns which held until now.
    pub fn end_file_leases(
        &mut self,
        session: SessionId,
        paths: Option<&[String]>,
        now: TimestampMs,
    ) -> Result<Vec<String>, StoreError> {
        let no = self.no(session)?;
        let own = file_leases::table.filter(file_leases::session_no.eq(no));
        let columns = (file_leases::path, file_leases::until_ms);
        let found: Vec<(String, i64)> = match paths {
            Some(paths) => own.filter(file_leases::path.eq_any(paths)).select(columns).load(self.conn)?,
            None => own.select(columns).load(self.conn)?,
        };
        for (path, _) in &found {
            diesel::delete(file_leases::table.find((path, no))).execute(self.conn)?;
        }
        Ok(found.into_iter().filter(|(_, until)| *until > now.0).map(|(path, _)| path).collect())
    }

    /// Returns the leases that overlap with a path: on it, on a folder that it is in, or on what is in it when it is a
    /// folder.
    pub fn file_leases_on(&mut self, path: &str, now: TimestampMs) -> Result<Vec<FileLeaseRow>, StoreError> {
        let columns = (
            file_leases::path,
            file_leases::session_no,
            file_leases::since_ms,
            file_leases::until_ms,
            file_leases::note,
        );
        let holding = file_leases::table.filter(file_leases::until_ms.gt(now.0)).select(columns);
        let mut found: Vec<Stored> = holding.filter(file_leases::path.eq_any(file::covering(path))).load(self.conn)?;
        if let Some(folder) = path.strip_suffix('/') {
            // `0` comes after `/`.
            let inner = file_leases::path.gt(path).and(file_leases::path.lt(format!("{folder}0")));
            found.extend(holding.filter(inner).load::<Stored>(self.conn)?);
        }
        let row = |(path, no, since, until, note): Stored| {
            let session = self.session_id(no)?;
            Ok(FileLeaseRow { path, session, since: TimestampMs(since), until: TimestampMs(until), note })
        };
        found.into_iter().map(row).collect()
    }

    /// Notes that a session has changed a file.
    pub fn set_file_change(&mut self, path: &str, session: SessionId, at: TimestampMs) -> Result<(), StoreError> {
        let no = self.no(session)?;
        diesel::replace_into(file_changes::table)
            .values((file_changes::path.eq(path), file_changes::session_no.eq(no), file_changes::at_ms.eq(at.0)))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns which sessions have changed a file since then, and when.
    pub fn file_changes(
        &mut self,
        path: &str,
        since: TimestampMs,
    ) -> Result<Vec<(SessionId, TimestampMs)>, StoreError> {
        let found: Vec<(i64, i64)> = file_changes::table
            .filter(file_changes::path.eq(path))
            .filter(file_changes::at_ms.gt(since.0))
            .select((file_changes::session_no, file_changes::at_ms))
            .load(self.conn)?;
        found.into_iter().map(|(no, at)| Ok((self.session_id(no)?, TimestampMs(at)))).collect()
    }

    /// Notes that two sessions are told that they change the same file; false when they were since `since`.
    pub fn note_file_collision(
        &mut self,
        path: &str,
        pair: (SessionId, SessionId),
        at: TimestampMs,
        since: TimestampMs,
    ) -> Result<bool, StoreError> {
        let (one, other) = (self.no(pair.0)?, self.no(pair.1)?);
        let (one, other) = (one.min(other), one.max(other));
        let told: Option<i64> = file_collisions::table
            .find((path, one, other))
            .select(file_collisions::at_ms)
            .get_result(self.conn)
            .optional()?;
        if told.is_some_and(|told| told > since.0) {
            return Ok(false);
        }
        diesel::replace_into(file_collisions::table)
            .values((
                file_collisions::path.eq(path),
                file_collisions::one_no.eq(one),
                file_collisions::other_no.eq(other),
                file_collisions::at_ms.eq(at.0),
            ))
            .execute(self.conn)?;
        Ok(true)
    }

    /// Forgets leases that have run out, and changes and collisions up to `since`.
    pub fn forget_files(&mut self, now: TimestampMs, since: TimestampMs) -> Result<(), StoreError> {
        diesel::delete(file_leases::table.filter(file_leases::until_ms.le(now.0))).execute(self.conn)?;
        diesel::delete(file_changes::table.filter(file_changes::at_ms.le(since.0))).execute(self.conn)?;
        diesel::delete(file_collisions::table.filter(file_collisions::at_ms.le(since.0))).execute(self.conn)?;
        Ok(())
    }
}
