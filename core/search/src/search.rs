//! A whole search: what is not indexed yet, then the index, newest first; the newest candidates ranked; a page of them shown.

use tieline_model::{SessionId, TimestampMs};

use crate::{
    Document, Index, IndexError, Place, Query, Reading, Snippet,
    matching::{Matched, matched},
    rank::score,
    snippet,
};

/// So many candidates are ranked against each other.
pub const WINDOW: usize = 500;
/// With more text than this in it a window ends before.
const MAX_WINDOW_BYTES: usize = 4 << 20;
/// So many events are looked at in one go, whether they are wanted or not.
const MAX_LOOKED_AT: usize = 20_000;
/// So many are read at once.
const CHUNK: usize = 500;

/// Where events are read, as documents.
pub trait Source {
    /// What can go wrong there.
    type Error;

    /// Returns the cursor of the newest event; 0 when there is none.
    fn newest(&mut self) -> Result<i64, Self::Error>;

    /// Reads the events after a cursor, oldest first, at most `limit`.
    fn after(&mut self, cursor: i64, limit: usize) -> Result<Vec<Document>, Self::Error>;

    /// Reads the events below `before` and not below `from`, newest first, at most `limit`.
    fn between(&mut self, from: i64, before: i64, limit: usize) -> Result<Vec<Document>, Self::Error>;

    /// Reads the events with these cursors, which fall, in their order. Those that are gone are left out.
    fn at(&mut self, cursors: &[i64]) -> Result<Vec<Document>, Self::Error>;
}

/// A search that did not work.
#[derive(Debug, thiserror::Error)]
pub enum SearchError<E> {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The events could not be read.
    #[error("the events could not be read")]
    Source(#[source] E),
}

/// Which part of the results is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many hits.
    pub limit: usize,
    /// Where an earlier page ended.
    pub place: Option<Place>,
}

/// One event that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its cursor.
    pub cursor: i64,
    /// On whose timeline it is.
    pub session: SessionId,
    /// Its number there.
    pub seq: u64,
    /// When it happened.
    pub at_ms: TimestampMs,
    /// Its kind.
    pub kind: &'static str,
    /// Where the words are.
    pub snippet: Snippet,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The best of the newest first, then the best of those before them.
    pub hits: Vec<Hit>,
    /// Where it goes on; absent when everything was looked at. There may be a next page after an empty one.
    pub next: Option<Place>,
    /// How many events at the end are not indexed and were looked through one by one, or will be.
    pub behind: u64,
}

/// Searches the events of a source with the help of an index.
pub fn search<S: Source>(
    index: &Index,
    source: &mut S,
    query: &Query,
    page: Page,
) -> Result<Found, SearchError<S::Error>> {
    let mut reading = index.read()?;
    let newest = source.newest().map_err(SearchError::Source)?;
    let place = page.place.unwrap_or(Place { before: newest.saturating_add(1), from: 0, given: 0 });
    let mut window = Window { query, from: place.from, found: Vec::new(), bytes: 0, looked_at: 0 };
    let end = window.fill(&mut reading, source, place.before)?;

    let last = window.found.len().max(2) - 1;
    let mut ranked: Vec<(f64, &Candidate)> =
        window.found.iter().enumerate().map(|(at, one)| (score(&one.matched, at as f64 / last as f64), one)).collect();
    // The sort keeps the order of equals, which is newest first.
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let hits: Vec<Hit> = ranked.iter().skip(place.given).take(page.limit).map(|(_, one)| one.hit(query)).collect();
    let given = place.given + hits.len();
    let next = match end {
        _ if given < ranked.len() => Some(Place { before: place.before, from: end.from(place.from), given }),
        End::Reached if place.from <= 1 => None,
        End::Reached => Some(Place { before: place.from, from: 0, given: 0 }),
        End::Stopped { at } => Some(Place { before: at, from: 0, given: 0 }),
    };
    let behind = u64::try_from(newest - reading.through()).unwrap_or_default();
    Ok(Found { hits, next, behind })
}

/// How filling a window ended.
#[derive(Clone, Copy)]
enum End {
    /// There is nothing more above the lower end.
    Reached,
    /// It was full, or enough was looked at: from this cursor on upwards all is in it.
    Stopped { at: i64 },
}

impl End {
    fn from(self, asked: i64) -> i64 {
        match self {
            End::Reached => asked.max(1),
            End::Stopped { at } => at,
        }
    }
}

struct Candidate {
    document: Document,
    matched: Matched,
}

impl Candidate {
    fn hit(&self, query: &Query) -> Hit {
        let document = &self.document;
        Hit {
            cursor: document.cursor,
            session: document.session,
            seq: document.seq,
            at_ms: document.at_ms,
            kind: document.kinds.first().copied().unwrap_or_default(),
            snippet: snippet::cut(query, &document.text, &self.matched),
        }
    }
}

/// The newest candidates below a cursor, newest first.
struct Window<'a> {
    query: &'a Query,
    from: i64,
    found: Vec<Candidate>,
    bytes: usize,
    looked_at: usize,
}

impl Window<'_> {
    fn fill<S: Source>(
        &mut self,
        reading: &mut Reading<'_>,
        source: &mut S,
        mut before: i64,
    ) -> Result<End, SearchError<S::Error>> {
        let tail = reading.through().saturating_add(1).max(self.from);
        while before > tail {
            let chunk = source.between(tail, before, CHUNK).map_err(SearchError::Source)?;
            let Some(oldest) = chunk.last().map(|document| document.cursor) else { break };
            if let Some(at) = self.take(chunk) {
                return Ok(End::Stopped { at });
            }
            before = oldest;
        }
        before = before.min(tail);
        let Some(plan) = reading.plan(self.query)? else { return Ok(End::Reached) };
        while before > self.from {
            let cursors = reading.candidates(&plan, self.from, before, CHUNK)?;
            let Some(&oldest) = cursors.last() else { break };
            let is_end = cursors.len() < CHUNK;
            let chunk = source.at(&cursors).map_err(SearchError::Source)?;
            if let Some(at) = self.take(chunk) {
                return Ok(End::Stopped { at });
            }
            if is_end {
                break;
            }
            before = oldest;
        }
        Ok(End::Reached)
    }

    /// Takes what is wanted. Returns the cursor of the last one that was looked at once there is enough.
    fn take(&mut self, documents: Vec<Document>) -> Option<i64> {
        for document in documents {
            self.looked_at += 1;
            let cursor = document.cursor;
            if let Some(matched) = matched(self.query, &document) {
                self.bytes += document.text.len();
                self.found.push(Candidate { document, matched });
            }
            if self.found.len() >= WINDOW || self.bytes >= MAX_WINDOW_BYTES || self.looked_at >= MAX_LOOKED_AT {
                return Some(cursor);
            }
        }
        None
    }
}
