//! What can go wrong in the store, told apart by who has to act.

use std::path::PathBuf;

/// A job or a read that did not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. Nothing of the job was kept.
    #[error("the disk is full")]
    Full,
    /// SQLite refused something.
    #[error("the database said: {0}")]
    Sql(diesel::result::Error),
    /// A row holds what no version of this program writes.
    #[error("damaged row in {table}: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A reader kept the log from being cut for longer than is waited.
    #[error("a reader keeps the write-ahead log from being cut")]
    Busy,
    /// The pool of readers has closed.
    #[error("the store is closed")]
    Closed,
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        if is_full(&error) { StoreError::Full } else { StoreError::Sql(error) }
    }
}

/// Tells whether SQLite said SQLITE_FULL. diesel keeps only the text of codes that it has no kind for;
/// the text is SQLite's own (`sqlite3ErrStr`) and has not changed since version 3.
fn is_full(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::DatabaseError(_, info) if info.message() == "database or disk is full")
}

/// A store that cannot be opened, and what its owner can do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon has it.
    #[error("{path}: another daemon is running on it{}; stop that one, or set TIELINE_HOME to another folder", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Whose it is, when that is known.
        pid: Option<u32>,
    },
    /// The file is no database of ours.
    #[error("{path}: {what}; it is not a Tieline database and was left alone")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path}: it has the migration `{migration}`, which this version does not know; start the newer version that wrote it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration that is not known.
        migration: String,
    },
    /// A setting that durability rests on was not taken.
    #[error("{path}: `PRAGMA {pragma}` reads back as `{found}`, wanted `{wanted}`")]
    Pragma {
        /// The file.
        path: PathBuf,
        /// Which setting.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: String,
    },
    /// SQLite found the file damaged.
    #[error("{path}: the database is damaged: {what}; restore a backup from the `backups` folder beside it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's finding.
        what: String,
    },
    /// The file system refused.
    #[error("{path}: {error}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why it did not work.
        error: std::io::Error,
    },
    /// SQLite refused.
    #[error("{path}: {what}")]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind, Error};

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        let full = Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new("database or disk is full".to_owned()));
        assert!(matches!(StoreError::from(full), StoreError::Full));
        assert!(matches!(StoreError::from(Error::NotFound), StoreError::Sql(_)));
    }
}
