//! The memory of sessions: texts, what is in force after each event, and proposed changes.

use diesel::{dsl::count_star, prelude::*};
use tieline_model::{
    PrincipalId, ProposalId, SessionId, TimestampMs,
    memory::{Memory, MemoryFile},
    reply::ProposalState,
};

use super::{
    Tx,
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{memory_changes, memory_contents, memory_proposals},
};

/// A proposed change as it is stored.
#[derive(Debug, Clone)]
pub struct ProposalRow {
    /// Its id.
    pub id: ProposalId,
    /// Whose memory.
    pub session: SessionId,
    /// Who is told what became of it.
    pub from: SessionId,
    /// Who proposed it.
    pub author: PrincipalId,
    /// Which file.
    pub path: String,
    /// The hash of the file that it changes; `None` when there was none.
    pub base: Option<String>,
    /// The file as it would be; `None` when it is to go.
    pub to: Option<MemoryFile>,
    /// The change as a unified diff.
    pub diff: String,
    /// Why.
    pub reason: String,
    /// The number of its event.
    pub seq: u64,
    /// When it was proposed.
    pub proposed_at: TimestampMs,
    /// Where it stands.
    pub state: ProposalState,
    /// Who has decided.
    pub decided_by: Option<PrincipalId>,
    /// When.
    pub decided_at: Option<TimestampMs>,
}

/// What a row is made of again; everybody else reads [`ProposalRow`].
#[derive(Queryable, Selectable)]
#[diesel(table_name = memory_proposals)]
pub(crate) struct Stored {
    id: Vec<u8>,
    pub session_no: i64,
    pub from_no: i64,
    author: Vec<u8>,
    path: String,
    base: Option<String>,
    change: Option<String>,
    diff: String,
    reason: String,
    seq: i64,
    proposed_at_ms: i64,
    state: i32,
    decided_by: Option<Vec<u8>>,
    decided_at_ms: Option<i64>,
}

impl Stored {
    pub fn into_row(self, session: SessionId, from: SessionId) -> Result<ProposalRow, StoreError> {
        const TABLE: &str = "memory_proposals";
        Ok(ProposalRow {
            id: rows::proposal_id(TABLE, &self.id)?,
            session,
            from,
            author: rows::principal_id(TABLE, &self.author)?,
            path: self.path,
            base: self.base,
            to: self.change.map(|text| rows::json(TABLE, &text)).transpose()?,
            diff: self.diff,
            reason: self.reason,
            seq: unsigned(self.seq),
            proposed_at: TimestampMs(self.proposed_at_ms),
            state: rows::proposal_state(self.state)?,
            decided_by: self.decided_by.map(|bytes| rows::principal_id(TABLE, &bytes)).transpose()?,
            decided_at: self.decided_at_ms.map(TimestampMs),
        })
    }
}

impl Tx<'_> {
    /// Returns what is in force in a session now.
    pub fn memory(&mut self, session: SessionId) -> Result<Memory, StoreError> {
        let no = self.no(session)?;
        Ok(newest(self.conn, no, i64::MAX)?.map(|(_, memory)| memory).unwrap_or_default())
    }

    /// Returns the number that the next event of a session gets.
    pub fn next_event_seq(&mut self, session: SessionId) -> Result<u64, StoreError> {
        Ok(self.known(session)?.event_seq + 1)
    }

    /// Writes what is in force from an event on.
    pub fn set_memory(&mut self, session: SessionId, seq: u64, memory: &Memory) -> Result<(), StoreError> {
        let no = self.no(session)?;
        diesel::insert_into(memory_changes::table)
            .values((
                memory_changes::session_no.eq(no),
                memory_changes::seq.eq(signed(seq)),
                memory_changes::memory.eq(rows::to_json(memory)?),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Keeps a text under its hash; once, however often it comes.
    pub fn keep_text(&mut self, hash: &str, text: &str) -> Result<(), StoreError> {
        diesel::insert_or_ignore_into(memory_contents::table)
            .values((memory_contents::hash.eq(hash), memory_contents::text.eq(text)))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns the text that has a hash.
    pub fn text(&mut self, hash: &str) -> Result<String, StoreError> {
        text(self.conn, hash)
    }

    /// Writes a new proposal.
    pub fn insert_proposal(&mut self, row: &ProposalRow) -> Result<(), StoreError> {
        let (session_no, from_no) = (self.no(row.session)?, self.no(row.from)?);
        diesel::insert_into(memory_proposals::table)
            .values((
                memory_proposals::id.eq(row.id.as_bytes().as_slice()),
                memory_proposals::session_no.eq(session_no),
                memory_proposals::from_no.eq(from_no),
                memory_proposals::author.eq(row.author.as_bytes().as_slice()),
                memory_proposals::path.eq(&row.path),
                memory_proposals::base.eq(&row.base),
                memory_proposals::change.eq(row.to.as_ref().map(rows::to_json).transpose()?),
                memory_proposals::diff.eq(&row.diff),
                memory_proposals::reason.eq(&row.reason),
                memory_proposals::seq.eq(signed(row.seq)),
                memory_proposals::proposed_at_ms.eq(row.proposed_at.0),
                memory_proposals::state.eq(rows::proposal_state_number(row.state)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes what was decided about a proposal.
    pub fn decide_proposal(&mut self, row: &ProposalRow) -> Result<(), StoreError> {
        let values = [
            Value::Int(i64::from(rows::proposal_state_number(row.state))),
            Value::Bytes(row.decided_by.as_ref().map(|id| id.as_bytes().as_slice())),
            Value::MaybeInt(row.decided_at.map(|at| at.0)),
            Value::Bytes(Some(row.id.as_bytes().as_slice())),
        ];
        let sql = "UPDATE memory_proposals SET state = ?, decided_by = ?, decided_at_ms = ? WHERE id = ?";
        Update { sql, values: &values }.execute(self.conn)?;
        Ok(())
    }

    /// Returns a proposal.
    pub fn proposal(&mut self, id: ProposalId) -> Result<Option<ProposalRow>, StoreError> {
        let found: Option<Stored> = memory_proposals::table
            .filter(memory_proposals::id.eq(id.as_bytes().as_slice()))
            .select(Stored::as_select())
            .get_result(self.conn)
            .optional()?;
        let Some(stored) = found else { return Ok(None) };
        let (session, from) = (self.session_id(stored.session_no)?, self.session_id(stored.from_no)?);
        stored.into_row(session, from).map(Some)
    }

    /// Counts the proposals for a session that wait for a decision.
    pub fn count_proposals(&mut self, session: SessionId) -> Result<u64, StoreError> {
        let no = self.no(session)?;
        // The state is said as the partial index has it.
        let open = memory_proposals::table
            .filter(memory_proposals::session_no.eq(no))
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("state = 0"));
        Ok(unsigned(open.select(count_star()).get_result(self.conn)?))
    }
}

/// Reads what was in force at an event: the newest state that is not younger, with its event.
pub(crate) fn newest(
    conn: &mut SqliteConnection,
    session_no: i64,
    through: i64,
) -> Result<Option<(u64, Memory)>, StoreError> {
    let found: Option<(i64, String)> = memory_changes::table
        .filter(memory_changes::session_no.eq(session_no))
        .filter(memory_changes::seq.le(through))
        .order(memory_changes::seq.desc())
        .select((memory_changes::seq, memory_changes::memory))
        .first(conn)
        .optional()?;
    found.map(|(seq, memory)| Ok((unsigned(seq), rows::json("memory_changes", &memory)?))).transpose()
}

/// Reads the text that has a hash.
pub(crate) fn text(conn: &mut SqliteConnection, hash: &str) -> Result<String, StoreError> {
    let found: Option<String> =
        memory_contents::table.find(hash).select(memory_contents::text).get_result(conn).optional()?;
    found.ok_or_else(|| StoreError::Damaged { table: "memory_contents", what: format!("no text has the hash {hash}") })
}
