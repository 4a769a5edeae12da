//! Opens `search.db`, or makes it anew: whatever is not as it should be is thrown away, for the events have all of it.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};
use tieline_model::SessionId;

use crate::{IndexError, spans::Span};

/// "TIES" in ASCII: marks a file as ours.
const APPLICATION_ID: i64 = 0x5449_4553;
/// Grows when the tables or what is a word changes.
const VERSION: i64 = 1;

/// The tables. A document is one row of `docs`, under its event's cursor; its text is not kept.
const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
    CREATE TABLE homes (session BLOB PRIMARY KEY NOT NULL, circle TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE spans (
        first INTEGER PRIMARY KEY NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
        earliest_ms INTEGER NOT NULL, latest_ms INTEGER NOT NULL
    ) STRICT;
    CREATE VIRTUAL TABLE docs USING fts5(line, content='', contentless_delete=1, tokenize=\"ascii tokenchars '='\");
    INSERT INTO docs (docs, rank) VALUES ('hashsize', 8388608);
";

/// What was found where the index should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The index, as it was left.
    Kept,
    /// Nothing.
    Made,
    /// Something else, which was thrown away.
    Rebuilt(String),
}

/// What the index knows besides its documents.
#[derive(Debug, Default)]
pub struct Known {
    /// The cursor through which events are indexed.
    pub through: i64,
    /// Under which circle each session is marked.
    pub homes: HashMap<SessionId, String>,
    /// The last stretch.
    pub last_span: Option<Span>,
}

/// Opens the connection that writes. `lineage` and `newest` are those of the events.
pub fn open(path: &Path, lineage: &str, newest: i64) -> Result<(SqliteConnection, Known, Opened), IndexError> {
    let why = match path.exists() {
        false => None,
        true => match kept(path, lineage, newest) {
            Ok((conn, known)) => return Ok((conn, known, Opened::Kept)),
            Err(IndexError::Damaged(what)) => Some(what),
            Err(other) => return Err(other),
        },
    };
    let conn = make(path, lineage)?;
    Ok((conn, Known::default(), why.map_or(Opened::Made, Opened::Rebuilt)))
}

/// Makes an empty index where there is none, or something else.
pub fn make(path: &Path, lineage: &str) -> Result<SqliteConnection, IndexError> {
    for file in files(path) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(IndexError::Io { path: file, error }),
            _ => {}
        }
    }
    let created = fs::OpenOptions::new().create_new(true).append(true).mode(0o600).open(path);
    created.map_err(|error| IndexError::Io { path: path.to_owned(), error })?;
    let mut conn = writer(path)?;
    conn.immediate_transaction(|conn| {
        conn.batch_execute(SCHEMA)?;
        sql_query("INSERT INTO meta (key, value) VALUES ('lineage', ?), ('through', '0')")
            .bind::<diesel::sql_types::Text, _>(lineage)
            .execute(conn)?;
        // Last: a file without them is none of ours, so that a half-made one is made again.
        conn.batch_execute(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}"))
    })?;
    Ok(conn)
}

/// The database with its log.
fn files(path: &Path) -> [PathBuf; 3] {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [path.to_owned(), beside("-wal"), beside("-shm")]
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

#[derive(QueryableByName)]
struct HomeRow {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    session: Vec<u8>,
    #[diesel(sql_type = diesel::sql_types::Text)]
    circle: String,
}

#[derive(QueryableByName)]
struct SpanRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    first: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    last: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    earliest_ms: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    latest_ms: i64,
}

fn kept(path: &Path, lineage: &str, newest: i64) -> Result<(SqliteConnection, Known), IndexError> {
    let damaged = |what: String| Err(IndexError::Damaged(what));
    let mut conn = writer(path)?;
    for (pragma, wanted) in [("application_id", APPLICATION_ID), ("user_version", VERSION)] {
        let query = format!("SELECT {pragma} AS value FROM pragma_{pragma}");
        let found = sql_query(query).get_result::<Number>(&mut conn)?.value;
        if found != wanted {
            return damaged(format!("its {pragma} is {found}, wanted {wanted}"));
        }
    }
    let found = meta(&mut conn, "lineage")?;
    if found != lineage {
        return damaged("it belongs to the events of another database".to_owned());
    }
    let through: i64 = match meta(&mut conn, "through")?.parse() {
        Ok(through) if (0..=newest).contains(&through) => through,
        _ => return damaged(format!("it claims to know more events than there are, which is {newest}")),
    };
    let mut homes = HashMap::new();
    for row in sql_query("SELECT session, circle FROM homes").load::<HomeRow>(&mut conn)? {
        match SessionId::from_slice(&row.session) {
            Some(session) => homes.insert(session, row.circle),
            None => return damaged(format!("the id of a session has {} bytes", row.session.len())),
        };
    }
    let query = "SELECT first, last, count, earliest_ms, latest_ms FROM spans ORDER BY first DESC LIMIT 1";
    let last_span = sql_query(query).load::<SpanRow>(&mut conn)?.pop().map(|row| Span {
        first: row.first,
        last: row.last,
        count: row.count,
        earliest_ms: row.earliest_ms,
        latest_ms: row.latest_ms,
    });
    // Reads the structure of the index, which a damaged one fails at; no document has this.
    sql_query("SELECT count(*) AS value FROM docs('\"=none\"')").get_result::<Number>(&mut conn)?;
    Ok((conn, Known { through, homes, last_span }))
}

fn meta(conn: &mut SqliteConnection, key: &str) -> Result<String, IndexError> {
    let query = sql_query("SELECT value FROM meta WHERE key = ?").bind::<diesel::sql_types::Text, _>(key);
    Ok(query.get_result::<Word>(conn)?.value)
}

/// What the index loses with the power it makes again: the log is not synced with each commit. What is freed is not overwritten
/// at once, which costs a fifth of the speed: what is forgotten goes when the file is written anew.
fn writer(path: &Path) -> Result<SqliteConnection, IndexError> {
    let mut conn = connect(path, "")?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA journal_size_limit = 16777216; PRAGMA trusted_schema = OFF;
         PRAGMA mmap_size = 0; PRAGMA cache_size = -4096;",
    )?;
    Ok(conn)
}

/// Opens a connection that can only read.
pub fn reader(path: &Path) -> Result<SqliteConnection, IndexError> {
    let mut conn = connect(path, "?mode=ro")?;
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(conn)
}

fn connect(path: &Path, suffix: &str) -> Result<SqliteConnection, IndexError> {
    // What SQLite's URI file names give a meaning to (<https://sqlite.org/uri.html>).
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    SqliteConnection::establish(&format!("file:{escaped}{suffix}"))
        .map_err(|error| IndexError::Damaged(error.to_string()))
}
