//! Who is told when a session's agent program has come to rest.

use diesel::prelude::*;
use tieline_model::{SessionId, TimestampMs};

use super::Tx;
use crate::{StoreError, schema::idle_watches};

impl Tx<'_> {
    /// Has a session told when another's program has come to rest; the newer of two watches holds.
    pub fn set_idle_watch(
        &mut self,
        session: SessionId,
        watcher: SessionId,
        until: TimestampMs,
    ) -> Result<(), StoreError> {
        let (no, watcher_no) = (self.no(session)?, self.no(watcher)?);
        diesel::replace_into(idle_watches::table)
            .values((
                idle_watches::session_no.eq(no),
                idle_watches::watcher_no.eq(watcher_no),
                idle_watches::until_ms.eq(until.0),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns who watches a session's program, each with the end of that.
    pub fn idle_watches(&mut self, session: SessionId) -> Result<Vec<(SessionId, TimestampMs)>, StoreError> {
        let no = self.no(session)?;
        let found: Vec<(i64, i64)> = idle_watches::table
            .filter(idle_watches::session_no.eq(no))
            .select((idle_watches::watcher_no, idle_watches::until_ms))
            .load(self.conn)?;
        found.into_iter().map(|(watcher, until)| Ok((self.session_id(watcher)?, TimestampMs(until)))).collect()
    }

    /// Ends a watch.
    pub fn end_idle_watch(&mut self, session: SessionId, watcher: SessionId) -> Result<(), StoreError> {
        let (no, watcher_no) = (self.no(session)?, self.no(watcher)?);
        diesel::delete(idle_watches::table.find((no, watcher_no))).execute(self.conn)?;
        Ok(())
    }
}
