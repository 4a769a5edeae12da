//! What a session's state is derived from.

use diesel::prelude::*;
use tieline_model::{
    DeliveryState, Event, EventBody, Lane, MessageId, SessionId, TimestampMs,
    event::Draft,
    session::{
        life::AskFact,
        progress::{OpenApproval, Progress},
    },
};

use crate::{
    Reader, Side, StoreError, rows,
    schema::{asks, deliveries, drafts, session_progress, sessions},
    tx::lane_number,
};

/// An open ask between two sessions, with how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAsk {
    /// The ask, with the other session.
    pub fact: AskFact,
    /// How far it came.
    pub state: DeliveryState,
    /// When it was delivered.
    pub delivered_at: Option<TimestampMs>,
}

/// From which side open asks are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The session asked.
    Asker,
    /// The session was asked.
    Addressee,
}

impl Reader {
    /// Reads what a session's agent is at.
    pub fn agent_progress(&mut self, id: SessionId) -> Result<Progress, StoreError> {
        let no = self.session_no(id)?;
        let row: Option<String> =
            session_progress::table.find(no).select(session_progress::progress).get_result(self.conn()?).optional()?;
        Ok(row.map(|text| rows::json("session_progress", &text)).transpose()?.unwrap_or_default())
    }

    /// Reads what is being said in a session.
    pub fn draft(&mut self, id: SessionId) -> Result<Option<Draft>, StoreError> {
        let no = self.session_no(id)?;
        let row: Option<String> = drafts::table.find(no).select(drafts::draft).get_result(self.conn()?).optional()?;
        row.map(|text| rows::json("drafts", &text)).transpose()
    }

    /// Reads a session's open asks, oldest first, at most `limit`.
    pub fn open_asks(&mut self, id: SessionId, party: Party, limit: i64) -> Result<Vec<OpenAsk>, StoreError> {
        let no = self.session_no(id)?;
        let open = asks::table.filter(asks::state.eq(0)).order(asks::message_no).limit(limit);
        let columns = (asks::id, asks::asker_no, asks::addressee_no, asks::seq);
        let found: Vec<(Vec<u8>, i64, i64, i64)> = match party {
            Party::Asker => open.filter(asks::asker_no.eq(no)).select(columns).load(self.conn()?)?,
            Party::Addressee => open.filter(asks::addressee_no.eq(no)).select(columns).load(self.conn()?)?,
        };
        let mut all = Vec::with_capacity(found.len());
        for (ask, asker_no, addressee_no, seq) in found {
            let other_no = if party == Party::Asker { addressee_no } else { asker_no };
            let other: Vec<u8> = sessions::table.find(other_no).select(sessions::id).get_result(self.conn()?)?;
            let (state, accepted_at, delivered_at): (i32, i64, Option<i64>) = deliveries::table
                .find((addressee_no, lane_number(Lane::Msg), seq))
                .select((deliveries::state, deliveries::accepted_at_ms, deliveries::delivered_at_ms))
                .get_result(self.conn()?)?;
            all.push(OpenAsk {
                fact: AskFact {
                    ask: rows::message_id("asks", &ask)?,
                    other: rows::session_id("sessions", &other)?,
                    since: TimestampMs(accepted_at),
                },
                state: rows::state(state)?,
                delivered_at: delivered_at.map(TimestampMs),
            });
        }
        Ok(all)
    }

    /// Reads the approvals that nobody has decided on, with their sessions.
    pub fn open_approvals(&mut self) -> Result<Vec<(SessionId, OpenApproval)>, StoreError> {
        let found: Vec<(Vec<u8>, String)> = session_progress::table
            .inner_join(sessions::table.on(sessions::no.eq(session_progress::session_no)))
            .filter(session_progress::progress.like("%\"approvals\":[%"))
            .filter(sessions::closed_at_ms.is_null())
            .select((sessions::id, session_progress::progress))
            .load(self.conn()?)?;
        let mut all = Vec::new();
        for (id, progress) in found {
            let session = rows::session_id("sessions", &id)?;
            let progress: Progress = rows::json("session_progress", &progress)?;
            all.extend(progress.approvals.into_iter().map(|open| (session, open)));
        }
        Ok(all)
    }

    /// Returns the ask that another was escalated from.
    pub fn escalated_from(&mut self, id: MessageId) -> Result<Option<MessageId>, StoreError> {
        let parent: Option<Option<i64>> = asks::table
            .filter(asks::id.eq(id.as_bytes().as_slice()))
            .select(asks::parent_no)
            .get_result(self.conn()?)
            .optional()?;
        let Some(parent) = parent.flatten() else { return Ok(None) };
        let bytes: Vec<u8> = asks::table.find(parent).select(asks::id).get_result(self.conn()?)?;
        rows::message_id("asks", &bytes).map(Some)
    }

    /// Reads the newest event of a session that `is_meant`, among its newest `depth`.
    pub fn newest(
        &mut self,
        id: SessionId,
        depth: usize,
        is_meant: impl Fn(&EventBody) -> bool,
    ) -> Result<Option<Event>, StoreError> {
        let page = self.timelines(&[id], Side::Before(None), depth)?;
        Ok(page.into_iter().rev().find(|event| is_meant(&event.body)))
    }
}
