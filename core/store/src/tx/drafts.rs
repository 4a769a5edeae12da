//! What is being said and is not complete.

use diesel::prelude::*;
use tieline_model::{SessionId, event::Draft};

use super::Tx;
use crate::{StoreError, rows, schema::drafts};

impl Tx<'_> {
    /// Reads what is being said in a session.
    pub fn draft(&mut self, id: SessionId) -> Result<Option<Draft>, StoreError> {
        let no = self.no(id)?;
        let row: Option<String> = drafts::table.find(no).select(drafts::draft).get_result(self.conn).optional()?;
        row.map(|text| rows::json("drafts", &text)).transpose()
    }

    /// Writes what is being said in a session; `None` when nothing is.
    pub fn set_draft(&mut self, id: SessionId, draft: Option<&Draft>) -> Result<(), StoreError> {
        let no = self.no(id)?;
        match draft {
            None => diesel::delete(drafts::table.find(no)).execute(self.conn)?,
            Some(draft) => diesel::replace_into(drafts::table)
                .values((drafts::session_no.eq(no), drafts::draft.eq(rows::to_json(draft)?)))
                .execute(self.conn)?,
        };
        Ok(())
    }
}
