//! The sessions whose agent programs the mesh has started.

use diesel::prelude::*;
use tieline_model::{MessageId, PrincipalId, SessionId, TimestampMs, runtime::RuntimeState};

use super::Tx;
use crate::{
    StoreError, rows,
    schema::{principals, runtimes, sessions, spawns},
};

/// How a session came to be spawned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnRow {
    /// Who asked for it.
    pub by: PrincipalId,
    /// When.
    pub at: TimestampMs,
    /// How many spawned sessions lead to it, itself included.
    pub depth: u32,
    /// By which profile.
    pub profile: String,
    /// The order that is under way.
    pub request: Option<MessageId>,
    /// Who is told when it fails.
    pub asker: SessionId,
}

impl Tx<'_> {
    /// Returns how a session was spawned; `None` when it was not.
    pub fn spawn(&mut self, id: SessionId) -> Result<Option<SpawnRow>, StoreError> {
        type Row = (Vec<u8>, i64, i32, String, Option<Vec<u8>>, i64);
        let no = self.no(id)?;
        let row: Option<Row> = spawns::table
            .find(no)
            .select((spawns::by_id, spawns::at_ms, spawns::depth, spawns::profile, spawns::request, spawns::asker_no))
            .get_result(self.conn)
            .optional()?;
        let Some((by, at, depth, profile, request, asker)) = row else { return Ok(None) };
        Ok(Some(SpawnRow {
            by: rows::principal_id("spawns", &by)?,
            at: TimestampMs(at),
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
            profile,
            request: request.map(|id| rows::message_id("spawns", &id)).transpose()?,
            asker: self.session_id(asker)?,
        }))
    }

    /// Writes how a session was spawned.
    pub fn set_spawn(&mut self, id: SessionId, row: &SpawnRow) -> Result<(), StoreError> {
        let (no, asker) = (self.no(id)?, self.no(row.asker)?);
        diesel::replace_into(spawns::table)
            .values((
                spawns::session_no.eq(no),
                spawns::by_id.eq(row.by.as_bytes().as_slice()),
                spawns::at_ms.eq(row.at.0),
                spawns::depth.eq(i32::try_from(row.depth).unwrap_or(i32::MAX)),
                spawns::profile.eq(&row.profile),
                spawns::request.eq(row.request.map(|id| id.as_bytes().to_vec())),
                spawns::asker_no.eq(asker),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns the session that an order is about.
    pub fn session_of_order(&mut self, request: MessageId) -> Result<Option<SessionId>, StoreError> {
        let no: Option<i64> = spawns::table
            .filter(spawns::request.eq(request.as_bytes().as_slice()))
            .select(spawns::session_no)
            .first(self.conn)
            .optional()?;
        no.map(|no| self.session_id(no)).transpose()
    }

    /// Counts what somebody has spawned since an instant, and how much of all that is open and not known to have ended.
    pub fn count_spawns(&mut self, by: PrincipalId, since: TimestampMs) -> Result<(u64, u64), StoreError> {
        let lately: i64 = spawns::table
            .filter(spawns::by_id.eq(by.as_bytes().as_slice()))
            .filter(spawns::at_ms.ge(since.0))
            .count()
            .get_result(self.conn)?;
        let open: Vec<(Option<String>, i64)> = spawns::table
            .inner_join(sessions::table.on(sessions::no.eq(spawns::session_no)))
            .left_join(runtimes::table.on(runtimes::session_no.eq(spawns::session_no)))
            .filter(spawns::by_id.eq(by.as_bytes().as_slice()))
            .filter(sessions::closed_at_ms.is_null())
            .select((runtimes::runtime.nullable(), spawns::at_ms))
            .load(self.conn)?;
        let mut live = 0;
        for (runtime, _) in open {
            let runtime: Option<tieline_model::runtime::Runtime> =
                runtime.map(|text| rows::json("runtimes", &text)).transpose()?;
            live += u64::from(runtime.is_none_or(|it| it.state != RuntimeState::Offline || it.native.is_empty()));
        }
        Ok((rows::unsigned(lately), live))
    }

    /// Returns the oldest principal of a kind: of agents the one whose token all hooks of a home have.
    pub fn first_principal(&mut self, kind: &str) -> Result<Option<PrincipalId>, StoreError> {
        let id: Option<Vec<u8>> = principals::table
            .filter(principals::kind.eq(kind))
            .order(principals::no)
            .select(principals::id)
            .first(self.conn)
            .optional()?;
        id.map(|id| rows::principal_id("principals", &id)).transpose()
    }
}
