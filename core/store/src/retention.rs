//! What is too old to be kept and not needed any more.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Integer, Text},
};
use tieline_model::{DeliveryState, MessageId, SessionId, TimestampMs};

use crate::{
    Reader, StoreError, rows,
    rows::unsigned,
    schema::{meta, sessions},
    tx::FORGETTING,
};

/// How many rows are looked at between two turns of other readers.
const PAGE: i64 = 5_000;

/// What a command was answered, by its key.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Answered {
    /// Whose command it was.
    #[diesel(sql_type = BigInt)]
    pub principal_no: i64,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The answer.
    #[diesel(sql_type = BigInt)]
    pub outcome_no: i64,
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

#[derive(QueryableByName)]
struct SinceRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = BigInt)]
    since: i64,
}

#[derive(QueryableByName)]
struct MessageRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Integer)]
    is_needless: i32,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(embed)]
    answered: Answered,
    #[diesel(sql_type = Integer)]
    is_old: i32,
}

/// The key of a command: whose it is, and what it is.
pub type Key = (i64, String);

impl Reader {
    /// Lists sessions with events from before an instant, each with the number up to which they are needed by nobody.
    pub fn with_old_events(&mut self, before: TimestampMs) -> Result<Vec<(SessionId, u64)>, StoreError> {
        let old: Vec<SessionRow> = diesel::sql_query(
            "SELECT sessions.no, sessions.id FROM sessions \
             JOIN events ON events.session_no = sessions.no AND events.seq = sessions.first_seq WHERE events.at_ms < ?",
        )
        .bind::<BigInt, _>(before.0)
        .load(self.conn()?)?;
        let needed = self.needed_since()?;
        let mut found = Vec::new();
        for SessionRow { no, id } in old {
            let id = rows::session_id("sessions", &id)?;
            let before = needed.get(&no).map_or(before, |since| before.min(TimestampMs(*since)));
            let mut through = self.seq_before(id, before)?;
            if let Some(open) = self.agent_progress(id)?.approvals.iter().map(|approval| approval.seq).min() {
                through = through.min(open - 1);
            }
            let first: i64 = sessions::table.find(no).select(sessions::first_seq).get_result(self.conn()?)?;
            if through >= unsigned(first) {
                found.push((id, through));
            }
        }
        Ok(found)
    }

    /// Since when something of a session is needed that is not ended: a delivery to it, or an ask to it or from it.
    fn needed_since(&mut self) -> Result<HashMap<i64, i64>, StoreError> {
        let pending = i64::from(rows::state_number(DeliveryState::Sent));
        let rows: Vec<SinceRow> = diesel::sql_query(
            "SELECT no, min(since) AS since FROM ( \
             SELECT session_no AS no, accepted_at_ms AS since FROM deliveries WHERE state <= ? \
             UNION ALL SELECT asker_no, messages.body ->> '$.sent_at_ms' FROM asks \
             JOIN messages ON messages.no = asks.message_no WHERE asks.state = 0 \
             UNION ALL SELECT addressee_no, messages.body ->> '$.sent_at_ms' FROM asks \
             JOIN messages ON messages.no = asks.message_no WHERE asks.state = 0) GROUP BY no",
        )
        .bind::<BigInt, _>(pending)
        .load(self.conn()?)?;
        Ok(rows.into_iter().map(|row| (row.no, row.since)).collect())
    }

    /// Finds messages that have words, were sent before an instant, and are neither to be delivered nor an open ask; among
    /// those after a number. Returns them, and from where to go on.
    pub fn with_old_words(
        &mut self,
        before: TimestampMs,
        after: i64,
    ) -> Result<(Vec<MessageId>, Option<i64>), StoreError> {
        let found: Vec<MessageRow> = diesel::sql_query(
            "SELECT no, id, \
             (body ->> '$.sent_at_ms') < ?1 AND (body ->> '$.purged') IS NULL \
             AND coalesce(body ->> '$.text', body ->> '$.notice.reason', body -> '$.wake', body -> '$.order') IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM asks WHERE asks.message_no = messages.no AND asks.state = 0) \
             AND NOT EXISTS (SELECT 1 FROM json_each(messages.recipients) AS place \
             JOIN deliveries ON deliveries.session_no = (place.value ->> 0) AND deliveries.lane IN (0, 1, 2) \
             AND deliveries.seq = (place.value ->> 1) \
             WHERE deliveries.message_no = messages.no AND deliveries.state <= ?2) AS is_needless \
             FROM messages WHERE json_valid(body) AND no > ?3 ORDER BY no LIMIT ?4",
        )
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(i64::from(rows::state_number(DeliveryState::Sent)))
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(PAGE)
        .load(self.conn()?)?;
        let next = found.last().map(|row| row.no);
        let needless = found.iter().filter(|row| row.is_needless != 0);
        let ids = needless.map(|row| rows::message_id("messages", &row.id)).collect::<Result<_, _>>()?;
        Ok((ids, next))
    }

    /// Lists sessions that were closed before an instant and are still more than an id.
    pub fn closed_before(&mut self, before: TimestampMs) -> Result<Vec<SessionId>, StoreError> {
        let found: Vec<Vec<u8>> = sessions::table
            .filter(sessions::closed_at_ms.lt(before.0))
            .filter(sessions::purged_at_ms.is_null())
            .order(sessions::no)
            .select(sessions::id)
            .load(self.conn()?)?;
        found.iter().map(|id| rows::session_id("sessions", id)).collect()
    }

    /// Finds what was answered before an instant, among the keys after one. Returns it, and from where to go on.
    pub fn old_outcomes(
        &mut self,
        before: TimestampMs,
        (principal_no, key): &Key,
    ) -> Result<(Vec<Answered>, Option<Key>), StoreError> {
        let found: Vec<KeyRow> = diesel::sql_query(
            "SELECT principal_no, key, outcome_no, outcomes.at_ms < ?1 AS is_old FROM idempotency \
             JOIN outcomes ON outcomes.no = outcome_no WHERE (principal_no, key) > (?2, ?3) \
             ORDER BY principal_no, key LIMIT ?4",
        )
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(*principal_no)
        .bind::<Text, _>(key)
        .bind::<BigInt, _>(PAGE)
        .load(self.conn()?)?;
        let next = found.last().map(|row| (row.answered.principal_no, row.answered.key.clone()));
        Ok((found.into_iter().filter(|row| row.is_old != 0).map(|row| row.answered).collect(), next))
    }

    /// Tells whether words may be gone which search still knows.
    pub fn is_forgetting(&mut self) -> Result<bool, StoreError> {
        let found = meta::table.find(FORGETTING).count().get_result::<i64>(self.conn()?)?;
        Ok(found > 0)
    }
}
