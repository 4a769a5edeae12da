//! Reading which agent programs run sessions.

use diesel::prelude::*;
use tieline_model::{
    PrincipalId, SessionId,
    runtime::{ProcessId, Runtime},
};

use crate::{
    Reader, StoreError, rows,
    rows::signed,
    schema::{runtime_sessions, runtimes, sessions},
};

impl Reader {
    /// Reads the agent program of a session.
    pub fn runtime(&mut self, id: SessionId) -> Result<Option<Runtime>, StoreError> {
        let no = self.session_no(id)?;
        let row: Option<String> =
            runtimes::table.find(no).select(runtimes::runtime).get_result(self.conn()?).optional()?;
        row.map(|text| rows::json("runtimes", &text)).transpose()
    }

    /// Reads all agent programs that are known.
    pub fn runtimes(&mut self) -> Result<Vec<(SessionId, Runtime)>, StoreError> {
        let found: Vec<(Vec<u8>, String)> = runtimes::table
            .inner_join(sessions::table.on(sessions::no.eq(runtimes::session_no)))
            .select((sessions::id, runtimes::runtime))
            .load(self.conn()?)?;
        let read =
            |(id, text): (Vec<u8>, String)| Ok((rows::session_id("sessions", &id)?, rows::json("runtimes", &text)?));
        found.into_iter().map(read).collect()
    }

    /// Tells whether an agent program has ever run an open session of this owner.
    pub fn has_runtimes(&mut self, owner: PrincipalId) -> Result<bool, StoreError> {
        let any: Option<i64> = runtimes::table
            .inner_join(sessions::table.on(sessions::no.eq(runtimes::session_no)))
            .filter(sessions::owner.eq(owner.as_bytes().as_slice()))
            .filter(sessions::closed_at_ms.is_null())
            .select(runtimes::session_no)
            .first(self.conn()?)
            .optional()?;
        Ok(any.is_some())
    }

    /// Finds the sessions to which an agent program's own session belongs, whoever reported it.
    pub fn sessions_of_native(&mut self, agent: &str, native: &str) -> Result<Vec<SessionId>, StoreError> {
        let found: Vec<Vec<u8>> = runtime_sessions::table
            .inner_join(sessions::table.on(sessions::no.eq(runtime_sessions::session_no)))
            .filter(runtime_sessions::agent.eq(agent))
            .filter(runtime_sessions::native.eq(native))
            .select(sessions::id)
            .load(self.conn()?)?;
        found.into_iter().map(|id| rows::session_id("sessions", &id)).collect()
    }

    /// Finds the sessions whose agent program is this process.
    pub fn sessions_of_process(&mut self, process: ProcessId) -> Result<Vec<SessionId>, StoreError> {
        let found: Vec<Vec<u8>> = runtimes::table
            .inner_join(sessions::table.on(sessions::no.eq(runtimes::session_no)))
            .filter(runtimes::pid.eq(i64::from(process.pid)))
            .filter(runtimes::started.eq(signed(process.started)))
            .select(sessions::id)
            .load(self.conn()?)?;
        found.into_iter().map(|id| rows::session_id("sessions", &id)).collect()
    }
}
