//! Finds events by their words: an index of its own beside the store, and nothing else of the daemon.
//!
//! A [`Document`] is one event as search sees it. [`Index`] keeps what finds it in `search.db`, which can be thrown away and
//! built anew from the events at any time. [`search`] asks the index, looks through what is not indexed yet, ranks, and cuts
//! snippets. Whatever takes the place of FTS5 one day takes the place of [`Index`] and of [`fts`](mod@fts).
#![forbid(unsafe_code)]

mod cover;
mod document;
mod error;
mod fts;
mod index;
mod mark;
mod matching;
mod open;
mod parse;
mod place;
mod query;
mod rank;
mod reading;
mod search;
mod snippet;
mod spans;
mod token;
mod when;

pub use document::{Author, Document, Flag, PART};
pub use error::IndexError;
pub use index::{Forget, Index};
pub use open::Opened;
pub use parse::{Mistake, Parsed, parse};
pub use place::Place;
pub use query::{Query, Term};
pub use reading::{Plan, Reading};
pub use search::{Found, Hit, Page, SearchError, Source, WINDOW, search};
pub use snippet::{MAX_SNIPPET_BYTES, Snippet};
pub use when::{day_and_time, moment};
