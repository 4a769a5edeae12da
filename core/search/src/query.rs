//! What is looked for, with every name resolved.

use std::collections::HashSet;

use tieline_model::{SessionId, TimestampMs};

use crate::{Author, Flag};

/// One or more words that stand next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The words as the index has them; never empty.
    pub words: Vec<String>,
    /// Whether the last one is only the beginning of a word.
    pub is_prefix: bool,
}

impl Term {
    /// Returns whether a word of a text fits the one at `at`.
    pub fn fits(&self, at: usize, word: &str) -> bool {
        let is_last = at + 1 == self.words.len();
        match self.words.get(at) {
            Some(wanted) if self.is_prefix && is_last => word.starts_with(wanted.as_str()),
            Some(wanted) => word == wanted,
            None => false,
        }
    }
}

/// What is looked for. Everything has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// What has to be in the text.
    pub terms: Vec<Term>,
    /// What must not be in it.
    pub without: Vec<Term>,
    /// One of these kinds; any when empty.
    pub kinds: Vec<String>,
    /// One of these authors; any when absent.
    pub authors: Option<Vec<Author>>,
    /// All of these.
    pub flags: Vec<Flag>,
    /// Not before this moment.
    pub after: Option<TimestampMs>,
    /// Before this moment.
    pub before: Option<TimestampMs>,
    /// Only in these sessions: those that the caller may see and asked for.
    pub sessions: HashSet<SessionId>,
}
