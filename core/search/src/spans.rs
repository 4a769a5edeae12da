//! Which stretches of the index can hold a time: events come in the order of recording, and what they tell may be older.

use tieline_model::TimestampMs;

/// So many documents make a stretch.
const MAX_DOCUMENTS: i64 = 4_096;

/// A stretch of cursors with the times in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first cursor.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// How many documents it has.
    pub count: i64,
    /// The earliest of their times.
    pub earliest_ms: i64,
    /// The latest one.
    pub latest_ms: i64,
}

/// Notes a document in the last of the spans, or in a new one when that is full.
pub fn note(spans: &mut Vec<Span>, cursor: i64, at: TimestampMs) {
    match spans.last_mut() {
        Some(span) if span.count < MAX_DOCUMENTS => {
            span.first = span.first.min(cursor);
            span.last = span.last.max(cursor);
            span.count += 1;
            span.earliest_ms = span.earliest_ms.min(at.0);
            span.latest_ms = span.latest_ms.max(at.0);
        }
        _ => spans.push(Span { first: cursor, last: cursor, count: 1, earliest_ms: at.0, latest_ms: at.0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stretch_is_followed_by_another() {
        let mut spans = Vec::new();
        for cursor in 1..=MAX_DOCUMENTS + 1 {
            note(&mut spans, cursor, TimestampMs(1_000 - cursor));
        }
        assert_eq!(spans.len(), 2);
        assert_eq!((spans[0].first, spans[0].last), (1, MAX_DOCUMENTS));
        assert_eq!((spans[0].earliest_ms, spans[0].latest_ms), (1_000 - MAX_DOCUMENTS, 999));
    }
}
