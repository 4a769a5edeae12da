//! What sessions' agents are at, folded in the transaction that appends the events.

use diesel::prelude::*;
use tieline_model::{SessionId, session::progress::Progress};

use super::Tx;
use crate::{StoreError, rows, schema::session_progress};

impl Tx<'_> {
    /// Reads what a session's agent is at.
    pub fn agent_progress(&mut self, id: SessionId) -> Result<Option<Progress>, StoreError> {
        let no = self.no(id)?;
        let row: Option<String> =
            session_progress::table.find(no).select(session_progress::progress).get_result(self.conn).optional()?;
        row.map(|text| rows::json("session_progress", &text)).transpose()
    }

    /// Writes what a session's agent is at.
    pub fn set_agent_progress(&mut self, id: SessionId, progress: &Progress) -> Result<(), StoreError> {
        let no = self.no(id)?;
        diesel::replace_into(session_progress::table)
            .values((session_progress::session_no.eq(no), session_progress::progress.eq(rows::to_json(progress)?)))
            .execute(self.conn)?;
        Ok(())
    }
}
