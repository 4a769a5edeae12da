//! Removing what a session said and did, step by step; a row says what is left to do until all is done.

use diesel::{connection::SimpleConnection, prelude::*};
use serde::{Deserialize, Serialize};
use tieline_model::{MessageId, PrincipalId, SessionId, TimestampMs};

use super::{
    Tx,
    update::{Update, Value},
};
use crate::{
    StoreError, rows,
    rows::signed,
    schema::{events, purges, sessions},
};

/// How many rows one step looks at.
const ROWS: i64 = 500;
/// So many bytes of rows end a step.
const BYTES: i64 = 4 << 20;

/// What is to be removed of a session, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Who asked for it; nobody when it is only too old.
    pub by: Option<PrincipalId>,
    /// Whether nothing of the session is to stay but its id.
    pub is_whole: bool,
    /// Whether the words of messages go, too.
    pub has_words: bool,
    /// Events through this number; 0 for none.
    pub through: u64,
    /// Words of messages from the session that were accepted before this; all messages to it are named by its events.
    pub until: TimestampMs,
    /// The newest message when it was decided.
    pub newest_message: i64,
    /// The newest outcome when it was decided.
    pub newest_outcome: i64,
    /// How many events were removed.
    pub events: u64,
    /// The words of how many messages.
    pub messages: u64,
    /// The cursor of the newest event that was removed.
    pub cursor: i64,
    /// The message that was looked at last.
    pub message: i64,
    /// The outcome that was looked at last.
    pub outcome: i64,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PurgeStep {
    /// Whether nothing is left to do.
    pub is_done: bool,
    /// Whether somebody wants no byte of it to be left.
    pub scrubs: bool,
    /// Messages whose words are gone; other timelines may name them.
    pub messages: Vec<MessageId>,
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    cursor: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    seq: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    bytes: i64,
    /// The message that came in by it, or the ask that went out.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    message: Option<String>,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    id: Vec<u8>,
}

impl Tx<'_> {
    /// Reads what is to be removed of a session.
    pub fn purge(&mut self, id: SessionId) -> Result<Option<Purge>, StoreError> {
        let no = self.no(id)?;
        let row: Option<String> = purges::table.find(no).select(purges::purge).get_result(self.conn).optional()?;
        row.map(|text| rows::json("purges", &text)).transpose()
    }

    /// Writes what is to be removed of a session; `None` when that is done.
    pub fn set_purge(&mut self, id: SessionId, purge: Option<&Purge>) -> Result<(), StoreError> {
        let no = self.no(id)?;
        match purge {
            None => diesel::delete(purges::table.find(no)).execute(self.conn)?,
            Some(purge) => diesel::replace_into(purges::table)
                .values((purges::session_no.eq(no), purges::purge.eq(rows::to_json(purge)?)))
                .execute(self.conn)?,
        };
        Ok(())
    }

    /// Removes the next few things. What is freed is overwritten.
    pub fn purge_step(&mut self, id: SessionId, now: TimestampMs) -> Result<PurgeStep, StoreError> {
        let Some(mut purge) = self.purge(id)? else { return Ok(PurgeStep { is_done: true, ..PurgeStep::default() }) };
        let step = self.securely(|tx| tx.next_step(id, &mut purge, now))?;
        self.set_purge(id, Some(&purge))?;
        Ok(step)
    }

    fn next_step(&mut self, id: SessionId, purge: &mut Purge, now: TimestampMs) -> Result<PurgeStep, StoreError> {
        let no = self.no(id)?;
        if purge.is_whole {
            // Until its row has lost it, the mesh may say its title to others.
            (purge.newest_message, purge.newest_outcome) = self.newest_rows()?;
        }
        let mut messages = Vec::new();
        if self.purge_events(no, purge, &mut messages)?
            || (purge.has_words && self.purge_sent(id, no, purge, &mut messages)?)
            || (purge.has_words && self.purge_outcomes(id, purge)?)
        {
            return Ok(PurgeStep { is_done: false, scrubs: purge.by.is_some(), messages });
        }
        self.purge_memory(no, purge)?;
        if purge.is_whole {
            self.purge_all_else(id, now)?;
        } else if let Some(mut progress) = self.agent_progress(id)? {
            progress.approvals.retain(|open| open.seq > purge.through);
            self.set_agent_progress(id, &progress)?;
        }
        Ok(PurgeStep { is_done: true, scrubs: purge.by.is_some(), messages })
    }

    /// Removes the oldest events with the words that came in by them, and of the asks that went out; true when there may be more.
    fn purge_events(&mut self, no: i64, purge: &mut Purge, messages: &mut Vec<MessageId>) -> Result<bool, StoreError> {
        let found: Vec<EventRow> = diesel::sql_query(
            "SELECT cursor, seq, octet_length(body) AS bytes, \
             CASE WHEN body LIKE '{\"message_accepted\"%' THEN body ->> '$.message_accepted.message' \
             WHEN body LIKE '{\"ask_opened\"%' THEN body ->> '$.ask_opened.ask' END AS message \
             FROM events WHERE session_no = ? AND seq <= ? ORDER BY seq LIMIT ?",
        )
        .bind::<diesel::sql_types::BigInt, _>(no)
        .bind::<diesel::sql_types::BigInt, _>(signed(purge.through))
        .bind::<diesel::sql_types::BigInt, _>(ROWS)
        .load(self.conn)?;
        let Some(EventRow { seq: first, .. }) = found.first() else { return Ok(false) };
        let (first, mut bytes, mut last) = (*first, 0, None);
        for row in found {
            if purge.has_words
                && let Some(message) = row.message.as_deref().and_then(|text| text.parse::<MessageId>().ok())
                && self.purge_words(message, no, purge)?
            {
                messages.push(message);
            }
            bytes += row.bytes;
            last = Some(row);
            if bytes > BYTES {
                break;
            }
        }
        let Some(EventRow { cursor, seq, .. }) = last else { return Ok(false) };
        let gone = events::table.filter(events::session_no.eq(no)).filter(events::seq.between(first, seq));
        purge.events += diesel::delete(gone).execute(self.conn)? as u64;
        purge.cursor = cursor;
        diesel::update(sessions::table.find(no))
            .set((sessions::first_seq.eq(seq + 1), sessions::purged_cursor.eq(cursor)))
            .execute(self.conn)?;
        self.keep_counters()?;
        Ok(true)
    }

    /// Removes the words of what the session has sent; true when there may be more.
    fn purge_sent(
        &mut self,
        id: SessionId,
        no: i64,
        purge: &mut Purge,
        messages: &mut Vec<MessageId>,
    ) -> Result<bool, StoreError> {
        let last = (purge.message + ROWS * 10).min(purge.newest_message);
        if purge.message >= purge.newest_message {
            return Ok(false);
        }
        let mut found = self.sent_before(no, (purge.message + 1, last), purge.until)?;
        if purge.is_whole {
            found.extend(self.orders_about(id, (purge.message + 1, last))?);
        }
        for message in found {
            if self.purge_words(message, no, purge)? {
                messages.push(message);
            }
        }
        purge.message = last;
        Ok(true)
    }

    /// Makes outcomes that name the session say no more than that they are gone, of a part only those that repeat its memory;
    /// true when there may be more.
    fn purge_outcomes(&mut self, id: SessionId, purge: &mut Purge) -> Result<bool, StoreError> {
        if purge.outcome >= purge.newest_outcome {
            return Ok(false);
        }
        let last = (purge.outcome + ROWS * 10).min(purge.newest_outcome);
        let title: String = sessions::table.find(self.no(id)?).select(sessions::title).get_result(self.conn)?;
        // A refusal says a name in such marks.
        let (pattern, title, gone) = (format!("%{id}%"), format!("`{title}`"), rows::purged_outcome()?);
        let memory = if purge.is_whole { "%" } else { "{\"ok\":{\"memory%" };
        let values = [
            Value::Text(Some(&gone)),
            Value::Int(purge.outcome),
            Value::Int(last),
            Value::Int(purge.until.0),
            Value::Text(Some(&pattern)),
            Value::Text(Some(memory)),
            Value::Int(i64::from(purge.is_whole)),
            Value::Text(Some(&title)),
        ];
        let sql = "UPDATE outcomes SET outcome = ? WHERE no > ? AND no <= ? AND at_ms < ? AND \
                   ((outcome LIKE ? AND outcome LIKE ?) OR (? AND instr(outcome, ?) > 0))";
        Update { sql, values: &values }.execute(self.conn)?;
        purge.outcome = last;
        Ok(true)
    }

    fn purge_memory(&mut self, no: i64, purge: &Purge) -> Result<(), StoreError> {
        let through = if purge.is_whole { i64::MAX } else { signed(purge.through) };
        // What is in force at the first event that stays is kept.
        let changes = "DELETE FROM memory_changes WHERE session_no = ?1 AND seq <= ?2 AND (?3 OR seq < \
                       (SELECT max(seq) FROM memory_changes WHERE session_no = ?1 AND seq <= ?2))";
        let proposals = "DELETE FROM memory_proposals WHERE session_no = ?1 AND seq <= ?2 AND (?3 OR state <> 0)";
        let mut gone = 0;
        for sql in [changes, proposals] {
            gone += diesel::sql_query(sql)
                .bind::<diesel::sql_types::BigInt, _>(no)
                .bind::<diesel::sql_types::BigInt, _>(through)
                .bind::<diesel::sql_types::Bool, _>(purge.is_whole)
                .execute(self.conn)?;
        }
        if gone > 0 {
            self.conn.batch_execute(
                "DELETE FROM memory_contents WHERE \
                 NOT EXISTS (SELECT 1 FROM memory_changes WHERE instr(memory, memory_contents.hash) > 0) AND \
                 NOT EXISTS (SELECT 1 FROM memory_proposals WHERE base = memory_contents.hash \
                             OR instr(ifnull(change, ''), memory_contents.hash) > 0)",
            )?;
        }
        Ok(())
    }

    /// Removes what else is known of a session; of its own row the id stays.
    fn purge_all_else(&mut self, id: SessionId, now: TimestampMs) -> Result<(), StoreError> {
        let no = self.no(id)?;
        for sql in [
            "DELETE FROM drafts WHERE session_no = ?",
            "DELETE FROM session_progress WHERE session_no = ?",
            "DELETE FROM runtimes WHERE session_no = ?",
            "DELETE FROM file_leases WHERE session_no = ?",
            "DELETE FROM file_changes WHERE session_no = ?",
            "DELETE FROM file_collisions WHERE one_no = ?",
            "DELETE FROM file_collisions WHERE other_no = ?",
            "DELETE FROM idle_watches WHERE session_no = ?",
            "DELETE FROM idle_watches WHERE watcher_no = ?",
            "DELETE FROM runtime_sessions WHERE session_no = ?",
            "DELETE FROM transcript_lines WHERE transcript_no IN (SELECT no FROM transcripts WHERE session_no = ?)",
            "DELETE FROM transcripts WHERE session_no = ?",
            "DELETE FROM imports WHERE session_no = ?",
            "DELETE FROM schedule_runs WHERE schedule_no IN (SELECT no FROM schedules WHERE session_no = ?)",
            "DELETE FROM schedules WHERE session_no = ?",
            // Who gave them or did them still knows that they were there.
            "UPDATE jobs SET title = 'purged', input = '', result = NULL, json = NULL, reason = NULL, executor = NULL \
             WHERE ? IN (session_no, from_no) AND ended_at_ms IS NOT NULL",
            "UPDATE deliveries SET reason = NULL WHERE session_no = ?",
            "UPDATE sessions SET title = 'purged', description = NULL, project = NULL, roles = '[]', labels = '[]', \
             is_pinned = 0 WHERE no = ?",
        ] {
            Update { sql, values: &[Value::Int(no)] }.execute(self.conn)?;
        }
        let at = sessions::purged_at_ms.eq(now.0);
        diesel::update(sessions::table.find(no)).set(at).execute(self.conn)?;
        if let Some(head) = self.cache.heads.get_mut(&id) {
            head.title = "purged".to_owned();
            head.roles.clear();
        }
        Ok(())
    }

    /// Finds what a session has sent, by the messages' rows.
    fn sent_before(
        &mut self,
        no: i64,
        (first, last): (i64, i64),
        until: TimestampMs,
    ) -> Result<Vec<MessageId>, StoreError> {
        let found: Vec<IdRow> = diesel::sql_query(
            "SELECT id FROM messages WHERE no >= ? AND no <= ? AND from_no = ? AND (body ->> '$.sent_at_ms') < ?",
        )
        .bind::<diesel::sql_types::BigInt, _>(first)
        .bind::<diesel::sql_types::BigInt, _>(last)
        .bind::<diesel::sql_types::BigInt, _>(no)
        .bind::<diesel::sql_types::BigInt, _>(until.0)
        .load(self.conn)?;
        found.into_iter().map(|row| rows::message_id("messages", &row.id)).collect()
    }

    /// Finds what the mesh told transports about the agent program of a session: such a message has its title and its folder.
    fn orders_about(&mut self, id: SessionId, (first, last): (i64, i64)) -> Result<Vec<MessageId>, StoreError> {
        let found: Vec<IdRow> = diesel::sql_query(
            "SELECT id FROM messages WHERE no >= ?1 AND no <= ?2 AND json_valid(body) AND \
             ?3 IN (body ->> '$.wake.session', body ->> '$.order.start.session', body ->> '$.order.end.session')",
        )
        .bind::<diesel::sql_types::BigInt, _>(first)
        .bind::<diesel::sql_types::BigInt, _>(last)
        .bind::<diesel::sql_types::Text, _>(id.to_string())
        .load(self.conn)?;
        found.into_iter().map(|row| rows::message_id("messages", &row.id)).collect()
    }

    /// Takes the words out of a message; false when they were gone already.
    fn purge_words(&mut self, id: MessageId, no: i64, purge: &mut Purge) -> Result<bool, StoreError> {
        let is_of_whole = purge.is_whole.then_some(no);
        let is_new = self.take_words(id, is_of_whole)?;
        purge.messages += u64::from(is_new);
        Ok(is_new)
    }

    /// Keeps numbers from being given out again once the rows that had them are gone.
    pub(super) fn keep_counters(&mut self) -> Result<(), StoreError> {
        let cursor = self.counters()?.cursor;
        super::events::keep_cursor(self.conn, cursor)
    }

    /// Returns the newest numbers of messages and outcomes.
    pub fn newest_rows(&mut self) -> Result<(i64, i64), StoreError> {
        let counters = self.counters()?;
        Ok((counters.message_no, counters.outcome_no))
    }

    /// Tells whether nothing but the id of a session was kept.
    pub fn is_purged(&mut self, id: SessionId) -> Result<bool, StoreError> {
        let no = self.no(id)?;
        let at: Option<i64> = sessions::table.find(no).select(sessions::purged_at_ms).get_result(self.conn)?;
        Ok(at.is_some())
    }
}
