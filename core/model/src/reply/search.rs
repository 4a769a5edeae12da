//! What a search found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SessionId, TimestampMs};

/// See [`Reply::Found`](super::Reply::Found).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FoundPage {
    /// The best first: of the newest 500 that match, then of the 500 before them.
    pub hits: Vec<SearchHit>,
    /// Where it goes on; absent when everything was looked at. A page can be short, or empty, and have a next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many of the newest events are not indexed yet. They are found all the same, more slowly.
    pub behind: u64,
}

/// One event that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchHit {
    /// Names the event: its session and its cursor, as in `tieline://ses_…/4711`.
    pub link: String,
    /// Its cursor. `timeline` takes it in `after` and `before`.
    pub cursor: i64,
    /// The session whose timeline it is on.
    pub session: SessionId,
    /// That session's title.
    pub title: String,
    /// Its number there.
    pub seq: u64,
    /// When it happened.
    pub at_ms: TimestampMs,
    /// What kind of event it is.
    pub kind: String,
    /// The piece of its text that has the words, in one line of at most 240 bytes.
    pub snippet: String,
    /// Where in the snippet they are, in order.
    pub matches: Vec<ByteRange>,
    /// Whether the text has more before the snippet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut_before: bool,
    /// Whether the text has more after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut_after: bool,
}

/// A part of a text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub start: usize,
    /// The one after the last byte.
    pub end: usize,
}

/// See [`Reply::Recalled`](super::Reply::Recalled).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Recalled {
    /// What was found, session by session, to be read as it is.
    pub digest: String,
    /// How many events it tells of.
    pub hits: u32,
    /// Roughly its length in tokens: its bytes divided by four.
    pub tokens: u32,
    /// Whether there is more that did not fit or is older.
    pub has_more: bool,
}
