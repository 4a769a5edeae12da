//! Which sessions have which timelines of other databases, and how much of them.

use diesel::prelude::*;
use tieline_model::{SessionId, command::ExportOrigin};

use super::Tx;
use crate::{
    StoreError,
    rows::{signed, unsigned},
    schema::imports,
};

/// A session that was read from an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportRow {
    /// The session here.
    pub session: SessionId,
    /// The number of the last event there that was taken in.
    pub through: u64,
}

impl Tx<'_> {
    /// Lists the sessions that have an origin, oldest first.
    pub fn imports(&mut self, origin: &ExportOrigin) -> Result<Vec<ImportRow>, StoreError> {
        let found: Vec<(i64, i64)> = imports::table
            .filter(imports::log_id.eq(&origin.log_id))
            .filter(imports::origin.eq(origin.session.as_bytes().as_slice()))
            .order(imports::copy)
            .select((imports::session_no, imports::through))
            .load(self.conn)?;
        let row = |(no, through)| Ok(ImportRow { session: self.session_id(no)?, through: unsigned(through) });
        found.into_iter().map(row).collect()
    }

    /// Writes how much a session has of a timeline.
    pub fn put_import(&mut self, origin: &ExportOrigin, row: ImportRow) -> Result<(), StoreError> {
        let no = self.no(row.session)?;
        let changed =
            diesel::update(imports::table.find(no)).set(imports::through.eq(signed(row.through))).execute(self.conn)?;
        if changed > 0 {
            return Ok(());
        }
        let newest: Option<i64> = imports::table
            .filter(imports::log_id.eq(&origin.log_id))
            .filter(imports::origin.eq(origin.session.as_bytes().as_slice()))
            .select(diesel::dsl::max(imports::copy))
            .get_result(self.conn)?;
        diesel::insert_into(imports::table)
            .values((
                imports::session_no.eq(no),
                imports::log_id.eq(&origin.log_id),
                imports::origin.eq(origin.session.as_bytes().as_slice()),
                imports::copy.eq(newest.map_or(0, |copy| copy + 1)),
                imports::through.eq(signed(row.through)),
            ))
            .execute(self.conn)?;
        Ok(())
    }
}
