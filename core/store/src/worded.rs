//! Reading events with their words, for search: a message's beside the event that names it.

use std::collections::HashMap;

use diesel::prelude::*;
use tieline_model::{EventBody, Message, MessageId, PrincipalId, SessionId, TimestampMs};

use crate::{
    Reader, StoreError, rows,
    rows::{signed, unsigned},
    schema::{events, messages, principals, sessions},
};

/// A list of events is cut when it has so many bytes.
const MAX_BYTES: usize = 8 << 20;
/// How many rows are read at once.
const PAGE: usize = 512;

/// One event with its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Worded {
    /// Its cursor.
    pub cursor: i64,
    /// On whose timeline it is.
    pub session: SessionId,
    /// The circle of that session now.
    pub circle: String,
    /// Its number there.
    pub seq: u64,
    /// When it was recorded.
    pub at: TimestampMs,
    /// What happened; absent when the row is damaged.
    pub body: Option<EventBody>,
    /// For a message that was accepted, the message; absent when it is gone or damaged.
    pub message: Option<Message>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// How many bytes a text has, without reading it.
    fn octet_length(text: diesel::sql_types::Text) -> diesel::sql_types::BigInt;
}

type Row = (i64, i64, i64, String, Vec<u8>, String);
type Columns = (events::cursor, events::seq, events::at_ms, events::body, sessions::id, sessions::circle);

const COLUMNS: Columns = (events::cursor, events::seq, events::at_ms, events::body, sessions::id, sessions::circle);

impl Reader {
    /// Reads events after a cursor, oldest first: at most `limit`, and fewer when they are large.
    pub fn worded_after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Worded>, StoreError> {
        let mut all: Vec<Row> = Vec::new();
        let mut bytes = 0;
        while all.len() < limit && bytes < MAX_BYTES {
            let after = all.last().map_or(cursor, |row| row.0);
            let page: Vec<Row> = events::table
                .inner_join(sessions::table.on(sessions::no.eq(events::session_no)))
                .filter(events::cursor.gt(after))
                .order(events::cursor)
                .limit(count(PAGE.min(limit - all.len())))
                .select(COLUMNS)
                .load(self.conn()?)?;
            if page.is_empty() {
                break;
            }
            bytes += page.iter().map(|row| row.3.len()).sum::<usize>();
            all.extend(page);
        }
        self.with_words(all)
    }

    /// Reads events not below `from` and below `before`, newest first: at most `limit`.
    pub fn worded_between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Worded>, StoreError> {
        let found = events::table
            .inner_join(sessions::table.on(sessions::no.eq(events::session_no)))
            .filter(events::cursor.ge(from))
            .filter(events::cursor.lt(before))
            .order(events::cursor.desc())
            .limit(count(limit))
            .select(COLUMNS)
            .load(self.conn()?)?;
        self.with_words(found)
    }

    /// Reads a session's events after one number through another, oldest first: at most `limit`, and fewer when they are
    /// large. Here an ask has its words also where it was asked.
    pub fn worded_of(
        &mut self,
        id: SessionId,
        (after, through): (u64, u64),
        limit: usize,
    ) -> Result<Vec<Worded>, StoreError> {
        let no = self.session_no(id)?;
        let sizes = events::table
            .filter(events::session_no.eq(no))
            .filter(events::seq.gt(signed(after)))
            .filter(events::seq.le(signed(through)))
            .order(events::seq)
            .limit(count(limit))
            .select((events::seq, octet_length(events::body)))
            .load::<(i64, i64)>(self.conn()?)?;
        let mut bytes = 0;
        let mut fits = sizes.iter().take_while(|(_, size)| {
            let has_room = bytes < MAX_BYTES;
            bytes += usize::try_from(*size).unwrap_or(MAX_BYTES);
            has_room
        });
        let Some((last, _)) = fits.by_ref().last() else { return Ok(Vec::new()) };
        let found = events::table
            .inner_join(sessions::table.on(sessions::no.eq(events::session_no)))
            .filter(events::session_no.eq(no))
            .filter(events::seq.gt(signed(after)))
            .filter(events::seq.le(last))
            .order(events::seq)
            .select(COLUMNS)
            .load(self.conn()?)?;
        self.with_words_of(found, |one| match &one.body {
            Some(EventBody::AskOpened { ask, .. }) => Some(*ask),
            _ => named(one),
        })
    }

    /// Reads the events with these cursors, newest first. Those that are gone are left out.
    pub fn worded_at(&mut self, cursors: &[i64]) -> Result<Vec<Worded>, StoreError> {
        let mut all: Vec<Row> = Vec::with_capacity(cursors.len());
        for some in cursors.chunks(PAGE) {
            let page: Vec<Row> = events::table
                .inner_join(sessions::table.on(sessions::no.eq(events::session_no)))
                .filter(events::cursor.eq_any(some))
                .select(COLUMNS)
                .load(self.conn()?)?;
            all.extend(page);
        }
        all.sort_unstable_by_key(|row| std::cmp::Reverse(row.0));
        self.with_words(all)
    }

    /// Finds the principals with a name, whatever its case.
    pub fn principals_named(&mut self, name: &str) -> Result<Vec<PrincipalId>, StoreError> {
        let all: Vec<(Vec<u8>, String)> =
            principals::table.select((principals::id, principals::name)).load(self.conn()?)?;
        let wanted = name.to_lowercase();
        all.into_iter()
            .filter(|(_, found)| found.to_lowercase() == wanted)
            .map(|(id, _)| rows::principal_id("principals", &id))
            .collect()
    }

    fn with_words(&mut self, found: Vec<Row>) -> Result<Vec<Worded>, StoreError> {
        self.with_words_of(found, named)
    }

    fn with_words_of(
        &mut self,
        found: Vec<Row>,
        named: impl Fn(&Worded) -> Option<MessageId>,
    ) -> Result<Vec<Worded>, StoreError> {
        let mut all = Vec::with_capacity(found.len());
        for (cursor, seq, at, body, session, circle) in found {
            all.push(Worded {
                cursor,
                session: rows::session_id("sessions", &session)?,
                circle,
                seq: unsigned(seq),
                at: TimestampMs(at),
                body: rows::json("events", &body).ok(),
                message: None,
            });
        }
        let messages: Vec<MessageId> = all.iter().filter_map(&named).collect();
        let words = self.words(&messages)?;
        for one in &mut all {
            // A broadcast is named by the timeline of each of its receivers.
            one.message = named(one).and_then(|id| words.get(&id).cloned());
        }
        Ok(all)
    }

    fn words(&mut self, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>, StoreError> {
        let mut words = HashMap::with_capacity(ids.len());
        for some in ids.chunks(PAGE) {
            let bytes: Vec<&[u8]> = some.iter().map(|id| id.as_bytes().as_slice()).collect();
            let found: Vec<(String, Vec<u8>)> = messages::table
                .filter(messages::id.eq_any(bytes))
                .select((messages::body, messages::hash))
                .load(self.conn()?)?;
            let intact = found.into_iter().filter_map(|(body, hash)| rows::message(&body, &hash).ok());
            words.extend(intact.map(|message| (message.id, message)));
        }
        Ok(words)
    }
}

fn named(one: &Worded) -> Option<MessageId> {
    match &one.body {
        Some(EventBody::MessageAccepted { message, .. }) => Some(*message),
        _ => None,
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
