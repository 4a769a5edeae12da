//! The agent programs that run sessions, one for each session at most.

use diesel::prelude::*;
use tieline_model::{
    MessageId, PrincipalId, SessionId,
    runtime::{ProcessId, Runtime},
};

use super::Tx;
use crate::{
    StoreError, rows,
    rows::signed,
    schema::{runtime_sessions, runtimes, sessions},
};

impl Tx<'_> {
    /// Reads the agent program of a session.
    pub fn runtime(&mut self, id: SessionId) -> Result<Option<Runtime>, StoreError> {
        let head = self.known(id)?;
        if !head.has_runtime {
            return Ok(None);
        }
        let no = head.no;
        let row: Option<String> =
            runtimes::table.find(no).select(runtimes::runtime).get_result(self.conn).optional()?;
        row.map(|text| rows::json("runtimes", &text)).transpose()
    }

    /// Writes the agent program of a session.
    pub fn set_runtime(&mut self, id: SessionId, runtime: &Runtime) -> Result<(), StoreError> {
        let head = self.known(id)?;
        head.has_runtime = true;
        let no = head.no;
        let request = runtime.wake.as_ref().and_then(|wake| wake.request);
        diesel::replace_into(runtimes::table)
            .values((
                runtimes::session_no.eq(no),
                runtimes::pid.eq(runtime.process.map(|process| i64::from(process.pid))),
                runtimes::started.eq(runtime.process.map(|process| signed(process.started))),
                runtimes::request.eq(request.map(|id| id.as_bytes().to_vec())),
                runtimes::due_ms.eq(runtime.wake.as_ref().map(|wake| wake.again_at.0)),
                runtimes::runtime.eq(rows::to_json(runtime)?),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns the session that an agent program's own session belongs to.
    pub fn session_of_native(
        &mut self,
        owner: PrincipalId,
        agent: &str,
        native: &str,
    ) -> Result<Option<SessionId>, StoreError> {
        let no: Option<i64> = runtime_sessions::table
            .find((agent, native, owner.as_bytes().as_slice()))
            .select(runtime_sessions::session_no)
            .get_result(self.conn)
            .optional()?;
        no.map(|no| self.session_id(no)).transpose()
    }

    /// Notes to which session an agent program's own session belongs.
    pub fn set_session_of_native(
        &mut self,
        owner: PrincipalId,
        agent: &str,
        native: &str,
        session: SessionId,
    ) -> Result<(), StoreError> {
        let no = self.no(session)?;
        diesel::replace_into(runtime_sessions::table)
            .values((
                runtime_sessions::agent.eq(agent),
                runtime_sessions::native.eq(native),
                runtime_sessions::owner.eq(owner.as_bytes().as_slice()),
                runtime_sessions::session_no.eq(no),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Returns the session whose agent program is this process.
    pub fn session_of_process(&mut self, process: ProcessId) -> Result<Option<SessionId>, StoreError> {
        let no: Option<i64> = runtimes::table
            .filter(runtimes::pid.eq(i64::from(process.pid)))
            .filter(runtimes::started.eq(signed(process.started)))
            .order(runtimes::session_no.desc())
            .select(runtimes::session_no)
            .first(self.conn)
            .optional()?;
        no.map(|no| self.session_id(no)).transpose()
    }

    /// Returns the open sessions of an owner that an agent program has run in this folder, newest first, at most `limit`.
    pub fn sessions_of_folder(
        &mut self,
        owner: PrincipalId,
        folder: &str,
        limit: i64,
    ) -> Result<Vec<(SessionId, Runtime)>, StoreError> {
        let found: Vec<(i64, String)> = runtimes::table
            .inner_join(sessions::table.on(sessions::no.eq(runtimes::session_no)))
            .filter(sessions::owner.eq(owner.as_bytes().as_slice()))
            .filter(sessions::project.eq(folder))
            .filter(sessions::closed_at_ms.is_null())
            .order(runtimes::session_no.desc())
            .limit(limit)
            .select((runtimes::session_no, runtimes::runtime))
            .load(self.conn)?;
        found.into_iter().map(|(no, text)| Ok((self.session_id(no)?, rows::json("runtimes", &text)?))).collect()
    }

    /// Returns the session that a wake was asked for.
    pub fn session_of_wake(&mut self, request: MessageId) -> Result<Option<SessionId>, StoreError> {
        let no: Option<i64> = runtimes::table
            .filter(runtimes::request.eq(request.as_bytes().as_slice()))
            .select(runtimes::session_no)
            .first(self.conn)
            .optional()?;
        no.map(|no| self.session_id(no)).transpose()
    }
}
