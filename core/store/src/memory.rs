//! What is read of the memory of sessions beside the writer.

use diesel::prelude::*;
use tieline_model::{Event, SessionId, memory::Memory};

use crate::{
    ProposalRow, Reader, StoreError, rows,
    rows::{signed, unsigned},
    schema::{memory_changes, memory_proposals, sessions},
    tx::{StoredProposal, memory_text, newest_memory},
};

/// An event about a session's memory.
#[derive(Debug, Clone)]
pub struct MemoryChange {
    /// Its number.
    pub seq: u64,
    /// The event, unless it was purged.
    pub event: Option<Event>,
    /// What is in force from it on.
    pub memory: Memory,
}

impl Reader {
    /// Reads what was in force in a session at an event, and the last event about it; nothing before the first.
    pub fn memory(&mut self, id: SessionId, through: Option<u64>) -> Result<(u64, Memory), StoreError> {
        let no = self.session_no(id)?;
        Ok(newest_memory(self.conn()?, no, through.map_or(i64::MAX, signed))?.unwrap_or_default())
    }

    /// Reads what is in force from each event about a session's memory on, before a number, newest first. The event is
    /// absent when it was purged.
    pub fn memory_changes(
        &mut self,
        id: SessionId,
        before: Option<u64>,
        limit: i64,
    ) -> Result<Vec<MemoryChange>, StoreError> {
        let no = self.session_no(id)?;
        let found: Vec<(i64, String)> = memory_changes::table
            .filter(memory_changes::session_no.eq(no))
            .filter(memory_changes::seq.lt(before.map_or(i64::MAX, signed)))
            .order(memory_changes::seq.desc())
            .limit(limit)
            .select((memory_changes::seq, memory_changes::memory))
            .load(self.conn()?)?;
        let mut changes = Vec::with_capacity(found.len());
        for (seq, memory) in found {
            let seq = unsigned(seq);
            let event = self.timeline(id, seq.saturating_sub(1), 1)?.pop().filter(|event| event.seq == seq);
            changes.push(MemoryChange { seq, event, memory: rows::json("memory_changes", &memory)? });
        }
        Ok(changes)
    }

    /// Reads the text of a file that is or was in force.
    pub fn memory_text(&mut self, hash: &str) -> Result<String, StoreError> {
        memory_text(self.conn()?, hash)
    }

    /// Reads the proposals that wait for a decision, oldest first, for one session or all.
    pub fn open_proposals(&mut self, of: Option<SessionId>) -> Result<Vec<ProposalRow>, StoreError> {
        let of = of.map(|session| self.session_no(session)).transpose()?;
        let mut query = memory_proposals::table
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("state = 0"))
            .select(StoredProposal::as_select())
            .order(memory_proposals::no)
            .limit(500)
            .into_boxed();
        if let Some(no) = of {
            query = query.filter(memory_proposals::session_no.eq(no));
        }
        let conn = self.conn()?;
        let found: Vec<StoredProposal> = query.load(conn)?;
        let mut id = |no: i64| -> Result<SessionId, StoreError> {
            let bytes: Vec<u8> = sessions::table.find(no).select(sessions::id).get_result(conn)?;
            rows::session_id("sessions", &bytes)
        };
        let mut named = |stored: StoredProposal| {
            let (session, from) = (id(stored.session_no)?, id(stored.from_no)?);
            stored.into_row(session, from)
        };
        found.into_iter().map(&mut named).collect()
    }
}
