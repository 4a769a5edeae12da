//! Events in memory, and what a search should say about them.

use std::collections::HashSet;

use tieline_model::{PrincipalId, SessionId, TimestampMs};
use tieline_search::{Document, Index, Page, Query, Source, parse, search};

/// All events, oldest first.
pub struct Events(pub Vec<Document>);

impl Source for Events {
    type Error = ();

    fn newest(&mut self) -> Result<i64, ()> {
        Ok(self.0.last().map_or(0, |document| document.cursor))
    }

    fn after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Document>, ()> {
        Ok(self.0.iter().filter(|document| document.cursor > cursor).take(limit).cloned().collect())
    }

    fn between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Document>, ()> {
        let wanted = |document: &&Document| (from..before).contains(&document.cursor);
        Ok(self.0.iter().rev().filter(wanted).take(limit).cloned().collect())
    }

    fn at(&mut self, cursors: &[i64]) -> Result<Vec<Document>, ()> {
        assert!(cursors.is_sorted_by(|a, b| a > b), "newest first");
        Ok(cursors.iter().filter_map(|at| self.0.iter().find(|document| document.cursor == *at)).cloned().collect())
    }
}

/// The session with a number.
pub fn session(number: u128) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(number))
}

/// The principal with a number.
#[allow(dead_code, reason = "not every test has authors")]
pub fn principal(number: u128) -> PrincipalId {
    PrincipalId::from_uuid(uuid::Uuid::from_u128(number))
}

/// A document with a text, of session 1 in the circle `main`.
pub fn document(cursor: i64, text: &str) -> Document {
    Document {
        cursor,
        session: session(1),
        seq: cursor.unsigned_abs(),
        circle: "main".into(),
        at_ms: TimestampMs(cursor * 1_000),
        kinds: vec!["said"],
        authors: Vec::new(),
        flags: Vec::new(),
        text: text.to_owned(),
    }
}

/// A query for words in sessions.
#[allow(dead_code, reason = "not every test types queries")]
pub fn query(text: &str, sessions: impl IntoIterator<Item = u128>) -> Query {
    let parsed = parse(text, TimestampMs(1_000_000)).expect("a good query");
    let sessions: HashSet<SessionId> = sessions.into_iter().map(session).collect();
    Query {
        terms: parsed.terms,
        without: parsed.without,
        kinds: parsed.kinds,
        authors: None,
        flags: parsed.flags,
        after: parsed.after,
        before: parsed.before,
        sessions,
    }
}

/// The cursors of all pages, in the order in which they came.
pub fn all(index: &Index, events: &mut Events, query: &Query, limit: usize) -> Vec<i64> {
    let (mut found, mut place) = (Vec::new(), None);
    loop {
        let page = search(index, events, query, Page { limit, place }).expect("a sound index");
        assert!(page.hits.len() <= limit);
        found.extend(page.hits.iter().map(|hit| hit.cursor));
        place = match page.next {
            // What is handed out is a text.
            Some(next) => Some(next.to_string().parse().expect("a place that was handed out")),
            None => return found,
        };
    }
}
