//! What can go wrong with the index, told apart by what is to be done.

use std::{io, path::PathBuf};

use diesel::result::Error;

/// What can go wrong with the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk is full; nothing of the step was kept.
    #[error("the disk is full")]
    Full,
    /// It is not what it should be: [`Index::rebuild`] it.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The file system refused.
    #[error("{path}: {error}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why it did not work.
        error: io::Error,
    },
    /// SQLite refused something else.
    #[error("the index said: {0}")]
    Sql(Error),
}

impl From<Error> for IndexError {
    /// diesel keeps only the text of codes that it has no kind for; the texts are those of SQLite
    /// and of FTS5.
    fn from(error: Error) -> Self {
        let text = match &error {
            Error::DatabaseError(_, info) => info.message().to_owned(),
            Error::NotFound => return IndexError::Damaged("a row is missing".to_owned()),
            _ => return IndexError::Sql(error),
        };
        let is_damaged = ["malformed", "not a database", "no such", "fts5: ", "vtable constructor"]
            .iter()
            .any(|part| text.contains(part));
        match () {
            () if text == "database or disk is full" => IndexError::Full,
            () if is_damaged => IndexError::Damaged(text),
            () => IndexError::Sql(error),
        }
    }
}
