//! The index itself: which events have which words. Written by one at a time, read beside that.

use std::{
    collections::HashMap,
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicI64, Ordering},
    },
};

use diesel::{
    ExpressionMethods, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Binary, Text},
};
use tieline_model::SessionId;

use crate::{
    Document, IndexError, Reading, mark,
    open::{self, Known, Opened},
    search::Source,
    spans::{self, Span},
};

diesel::table! { docs (rowid) { rowid -> BigInt, line -> Text, } }

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// The events of a session through a cursor; all of them with the largest.
    Session(SessionId, i64),
    /// Much at once: the index is written anew once for all of it.
    Many {
        /// The events of sessions, each through a cursor.
        sessions: Vec<(SessionId, i64)>,
        /// The events with these cursors.
        others: Vec<i64>,
    },
    /// The events with these cursors.
    Cursors(RangeInclusive<i64>),
}

/// An index in a file of its own.
pub struct Index {
    path: PathBuf,
    lineage: String,
    files: RwLock<Files>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What belongs to one file, and goes with it.
pub(crate) struct Files {
    writing: Mutex<Writing>,
    pub(crate) homes: RwLock<HashMap<SessionId, String>>,
    through: AtomicI64,
    pub(crate) idle: Mutex<Vec<SqliteConnection>>,
}

struct Writing {
    conn: SqliteConnection,
    last_span: Option<Span>,
}

impl Files {
    fn new(conn: SqliteConnection, known: Known) -> Self {
        Self {
            writing: Mutex::new(Writing { conn, last_span: known.last_span }),
            homes: RwLock::new(known.homes),
            through: AtomicI64::new(known.through),
            idle: Mutex::default(),
        }
    }

    pub(crate) fn through(&self) -> i64 {
        self.through.load(Ordering::Acquire)
    }
}

impl Index {
    /// Opens the index, or makes an empty one where there is none or one that is of no use: damaged, of another version, of
    /// other events. `lineage` names the events and `newest` is the cursor of the last one.
    pub fn open(path: &Path, lineage: &str, newest: i64) -> Result<(Self, Opened), IndexError> {
        let (conn, known, opened) = open::open(path, lineage, newest)?;
        let files = RwLock::new(Files::new(conn, known));
        Ok((Self { path: path.to_owned(), lineage: lineage.to_owned(), files }, opened))
    }

    /// Returns the cursor through which events are indexed.
    pub fn through(&self) -> i64 {
        self.files().through()
    }

    /// Indexes the next events of a source, at most `limit`, in one step. Returns how many there were.
    ///
    /// Reading them and indexing them cannot be parted by [`Self::forget`].
    pub fn advance<S: Source>(&self, source: &mut S, limit: usize) -> Result<usize, crate::SearchError<S::Error>> {
        let files = self.files();
        let mut writing = lock(&files.writing);
        let documents = source.after(files.through(), limit).map_err(crate::SearchError::Source)?;
        let Some(last) = documents.last() else { return Ok(0) };
        let through = last.cursor;
        Ok(write(&files, &mut writing, documents, through)?)
    }

    /// Indexes documents in one step, after which events are indexed through `through`. Their cursors grow and are larger than
    /// any before. Returns how many there were.
    pub fn add(&self, documents: impl IntoIterator<Item = Document>, through: i64) -> Result<usize, IndexError> {
        let files = self.files();
        let mut writing = lock(&files.writing);
        write(&files, &mut writing, documents, through)
    }

    /// Forgets documents so that no trace of their words is left in the files. Searches go on meanwhile; indexing waits, for as
    /// long as it takes to write the whole index anew. Returns how many there were.
    pub fn forget(&self, what: &Forget) -> Result<usize, IndexError> {
        let count = {
            let files = self.files();
            let mut writing = lock(&files.writing);
            let (count, gone) = remove(&mut writing.conn, what)?;
            files.homes.write().unwrap_or_else(PoisonError::into_inner).retain(|session, _| !gone.contains(session));
            if count > 0 {
                // A deletion leaves the words in place until their segments are merged, and pages that were freed before may
                // hold some.
                writing.conn.batch_execute("INSERT INTO docs (docs) VALUES ('optimize'); VACUUM;")?;
            }
            count
        };
        // The log can only be cut when nobody reads.
        let files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        lock(&files.writing).conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(count)
    }

    /// Throws the index away and begins anew. Waits for searches that are under way.
    pub fn rebuild(&self) -> Result<(), IndexError> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        *files = Files::new(open::make(&self.path, &self.lineage)?, Known::default());
        Ok(())
    }

    /// Has SQLite check the structure of the file. Takes long on a large one.
    pub fn check(&self) -> Result<(), IndexError> {
        let mut reading = self.read()?;
        let found: Vec<Finding> = sql_query("PRAGMA quick_check(1)").load(reading.conn()?)?;
        match found.into_iter().find(|row| row.quick_check != "ok") {
            Some(row) => Err(IndexError::Damaged(row.quick_check)),
            None => Ok(()),
        }
    }

    /// Begins to read. The index is not thrown away before the reading is dropped.
    pub fn read(&self) -> Result<Reading<'_>, IndexError> {
        let files = self.files();
        let idle = lock(&files.idle).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open::reader(&self.path)?,
        };
        Ok(Reading::new(files, conn))
    }

    fn files(&self) -> RwLockReadGuard<'_, Files> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(
    files: &Files,
    writing: &mut Writing,
    documents: impl IntoIterator<Item = Document>,
    through: i64,
) -> Result<usize, IndexError> {
    let mut fresh: HashMap<SessionId, String> = HashMap::new();
    let mut touched: Vec<Span> = writing.last_span.into_iter().collect();
    let homes = files.homes.read().unwrap_or_else(PoisonError::into_inner);
    let count = writing.conn.immediate_transaction(|conn| -> Result<usize, IndexError> {
        let mut count = 0;
        for document in documents {
            let home = match homes.get(&document.session) {
                Some(home) => home,
                None => fresh.entry(document.session).or_insert_with(|| document.circle.clone()),
            };
            let line = mark::line(&document, home);
            diesel::insert_into(docs::table)
                .values((docs::rowid.eq(document.cursor), docs::line.eq(line)))
                .execute(conn)?;
            spans::note(&mut touched, document.cursor, document.at_ms);
            count += 1;
        }
        for (session, circle) in &fresh {
            sql_query("INSERT INTO homes (session, circle) VALUES (?, ?)")
                .bind::<Binary, _>(session.as_bytes().as_slice())
                .bind::<Text, _>(circle)
                .execute(conn)?;
        }
        for span in &touched {
            sql_query(
                "INSERT OR REPLACE INTO spans (first, last, count, earliest_ms, latest_ms) VALUES (?, ?, ?, ?, ?)",
            )
            .bind::<BigInt, _>(span.first)
            .bind::<BigInt, _>(span.last)
            .bind::<BigInt, _>(span.count)
            .bind::<BigInt, _>(span.earliest_ms)
            .bind::<BigInt, _>(span.latest_ms)
            .execute(conn)?;
        }
        sql_query("UPDATE meta SET value = ? WHERE key = 'through'")
            .bind::<Text, _>(through.to_string())
            .execute(conn)?;
        Ok(count)
    })?;
    drop(homes);
    writing.last_span = touched.pop();
    files.homes.write().unwrap_or_else(PoisonError::into_inner).extend(fresh);
    files.through.store(through, Ordering::Release);
    Ok(count)
}

/// Deletes rows. Returns how many, and the sessions of which nothing is left.
fn remove(conn: &mut SqliteConnection, what: &Forget) -> Result<(usize, Vec<SessionId>), IndexError> {
    conn.immediate_transaction(|conn| {
        let (mut found, mut gone) = (Vec::new(), Vec::new());
        match what {
            Forget::Session(session, through) => of_session(conn, *session, *through, &mut found, &mut gone)?,
            Forget::Many { sessions, others } => {
                for (session, through) in sessions {
                    of_session(conn, *session, *through, &mut found, &mut gone)?;
                }
                for other in others {
                    in_range(conn, &(*other..=*other), &mut found)?;
                }
            }
            Forget::Cursors(range) => in_range(conn, range, &mut found)?,
        }
        found.sort_unstable();
        found.dedup();
        for cursor in &found {
            sql_query("DELETE FROM docs WHERE rowid = ?").bind::<BigInt, _>(cursor).execute(conn)?;
        }
        for session in &gone {
            sql_query("DELETE FROM homes WHERE session = ?")
                .bind::<Binary, _>(session.as_bytes().as_slice())
                .execute(conn)?;
        }
        Ok((found.len(), gone))
    })
}

fn in_range(conn: &mut SqliteConnection, range: &RangeInclusive<i64>, found: &mut Vec<i64>) -> Result<(), IndexError> {
    let query = sql_query("SELECT id AS cursor FROM docs_docsize WHERE id BETWEEN ? AND ?");
    let rows: Vec<Row> = query.bind::<BigInt, _>(range.start()).bind::<BigInt, _>(range.end()).load(conn)?;
    found.extend(rows.into_iter().map(|row| row.cursor));
    Ok(())
}

/// Finds the rows of a session through a cursor, and tells when those are all.
fn of_session(
    conn: &mut SqliteConnection,
    session: SessionId,
    through: i64,
    found: &mut Vec<i64>,
    gone: &mut Vec<SessionId>,
) -> Result<(), IndexError> {
    let mark = format!("\"{}\"", mark::session(session));
    let query = sql_query("SELECT rowid AS cursor FROM docs WHERE docs MATCH ?");
    let rows: Vec<Row> = query.bind::<Text, _>(mark).load(conn)?;
    if rows.iter().all(|row| row.cursor <= through) {
        gone.push(session);
    }
    found.extend(rows.into_iter().map(|row| row.cursor).filter(|cursor| *cursor <= through));
    Ok(())
}

#[derive(QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = BigInt)]
    pub(crate) cursor: i64,
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    quick_check: String,
}
