//! What a job may do inside the writer's transaction.
//!
//! The writer keeps the heads of the sessions it has met: the next numbers, the cursors, what is pending.
//! They are loaded on first use and thrown away whenever a transaction is rolled back.

mod ask_care;
mod asks;
mod drafts;
mod events;
mod files;
mod head;
mod idempotency;
mod imports;
mod inboxes;
mod job_row;
mod jobs;
mod kv;
mod memory;
mod principals;
mod progress;
mod purge;
mod retention;
mod runs;
mod runtimes;
mod schedules;
mod sessions;
mod spawns;
mod transcripts;
mod update;
mod watches;
mod words;

use std::collections::{HashMap, HashSet};

use diesel::{dsl::max, prelude::*};
use tieline_model::{MessageId, PrincipalId, SessionId};

pub use ask_care::Reminding;
pub use asks::{AskRow, GroupRow};
pub(crate) use events::{kept_cursor, log_id, redaction_key};
pub use head::Head;
pub(crate) use head::{lane_number, load_inbox};
pub use idempotency::Remembered;
pub use imports::ImportRow;
pub use inboxes::{NewDelivery, PendingRow, Places};
pub(crate) use job_row::Stored as StoredJob;
pub use job_row::{JobRow, NewJob};
pub(crate) use jobs::needs as job_needs;
pub use kv::KvUse;
pub use memory::ProposalRow;
pub(crate) use memory::{Stored as StoredProposal, newest as newest_memory, text as memory_text};
pub use purge::{Purge, PurgeStep};
pub(crate) use retention::FORGETTING;
pub use schedules::{NewSchedule, ScheduleRow, Standing};
pub(crate) use schedules::{Stored as StoredSchedule, next_due};
pub use sessions::{NewSession, SessionChange, Told};
pub use spawns::SpawnRow;
pub use transcripts::TranscriptRow;

use crate::{
    StoreError, rows,
    schema::{events as event_rows, messages, outcomes, sessions as session_rows},
};

#[derive(Debug, Clone, Copy)]
struct Counters {
    session_no: i64,
    message_no: i64,
    cursor: i64,
    outcome_no: i64,
}

/// What outlives a transaction, as long as it commits.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    heads: HashMap<SessionId, Head>,
    ids: HashMap<i64, SessionId>,
    principals: HashMap<PrincipalId, i64>,
    counters: Option<Counters>,
    /// The asks whose end an instant of a schedule waits for, and some more.
    waited_for: Option<HashSet<MessageId>>,
    /// By plugin.
    kv: HashMap<String, KvUse>,
}

impl Cache {
    /// Forgets everything: what was cached may be of a transaction that was rolled back.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The writer's transaction, as a job sees it.
pub struct Tx<'a> {
    conn: &'a mut SqliteConnection,
    cache: &'a mut Cache,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(conn: &'a mut SqliteConnection, cache: &'a mut Cache) -> Self {
        Self { conn, cache }
    }

    /// Returns what is known of a session, reading it on first use.
    pub fn head(&mut self, id: SessionId) -> Result<Option<&mut Head>, StoreError> {
        if !self.cache.heads.contains_key(&id) {
            let Some(head) = head::load_head(self.conn, id)? else { return Ok(None) };
            self.cache.ids.insert(head.no, id);
            self.cache.heads.insert(id, head);
        }
        Ok(self.cache.heads.get_mut(&id))
    }

    fn known(&mut self, id: SessionId) -> Result<&mut Head, StoreError> {
        self.head(id)?.ok_or_else(|| StoreError::Damaged { table: "sessions", what: format!("no row for {id}") })
    }

    fn no(&mut self, id: SessionId) -> Result<i64, StoreError> {
        Ok(self.known(id)?.no)
    }

    /// Returns the session that rows call `no`.
    fn session_id(&mut self, no: i64) -> Result<SessionId, StoreError> {
        if let Some(id) = self.cache.ids.get(&no) {
            return Ok(*id);
        }
        let bytes: Vec<u8> = session_rows::table.find(no).select(session_rows::id).get_result(self.conn)?;
        let id = rows::session_id("sessions", &bytes)?;
        self.cache.ids.insert(no, id);
        Ok(id)
    }

    fn counters(&mut self) -> Result<&mut Counters, StoreError> {
        if self.cache.counters.is_none() {
            let session_no: Option<i64> = session_rows::table.select(max(session_rows::no)).get_result(self.conn)?;
            let message_no: Option<i64> = messages::table.select(max(messages::no)).get_result(self.conn)?;
            let cursor: Option<i64> = event_rows::table.select(max(event_rows::cursor)).get_result(self.conn)?;
            let outcome_no: Option<i64> = outcomes::table.select(max(outcomes::no)).get_result(self.conn)?;
            self.cache.counters = Some(Counters {
                session_no: session_no.unwrap_or_default(),
                message_no: message_no.unwrap_or_default(),
                cursor: cursor.unwrap_or_default().max(events::kept_cursor(self.conn)?),
                outcome_no: outcome_no.unwrap_or_default(),
            });
        }
        self.cache.counters.as_mut().ok_or(StoreError::Closed)
    }
}
