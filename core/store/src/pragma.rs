//! Connection settings, each set and then read back: a store that only believes itself durable is none.

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query};

use std::path::Path;

use crate::{OpenError, open::Synchronous};

/// "TIEL" in ASCII: marks a file as ours (<https://sqlite.org/pragma.html#pragma_application_id>).
pub const APPLICATION_ID: i64 = 0x5449_454C;

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

/// SQLite has no table-valued form of this pragma: its column is called as the pragma is.
#[derive(QueryableByName)]
struct AutoCheckpoint {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    wal_autocheckpoint: i64,
}

/// Reads a pragma that is a number.
pub fn number(conn: &mut SqliteConnection, name: &str) -> diesel::QueryResult<i64> {
    let query = format!("SELECT {name} AS value FROM pragma_{name}");
    Ok(sql_query(query).get_result::<Number>(conn)?.value)
}

/// Reads a pragma that is a word.
pub fn word(conn: &mut SqliteConnection, name: &str) -> diesel::QueryResult<String> {
    let query = format!("SELECT {name} AS value FROM pragma_{name}");
    Ok(sql_query(query).get_result::<Word>(conn)?.value)
}

/// Opens the connection that writes.
pub fn writer(path: &Path, synchronous: Synchronous) -> Result<SqliteConnection, OpenError> {
    let mut conn = connect(path, "")?;
    let sql = |error: diesel::result::Error| OpenError::Sql { path: path.to_owned(), what: error.to_string() };
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = 5000;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = {};
         PRAGMA fullfsync = 1;
         PRAGMA checkpoint_fullfsync = 1;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -8192;",
        synchronous.number()
    ))
    .map_err(sql)?;
    let mode = word(&mut conn, "journal_mode").map_err(sql)?;
    check(path, "journal_mode", &mode, "wal")?;
    for (pragma, wanted) in [("synchronous", synchronous.number()), ("foreign_keys", 1), ("trusted_schema", 0)] {
        let found = number(&mut conn, pragma).map_err(sql)?;
        check(path, pragma, &found.to_string(), &wanted.to_string())?;
    }
    let auto: AutoCheckpoint = sql_query("PRAGMA wal_autocheckpoint").get_result(&mut conn).map_err(sql)?;
    check(path, "wal_autocheckpoint", &auto.wal_autocheckpoint.to_string(), "0")?;
    Ok(conn)
}

/// Opens a connection that can only read.
pub fn reader(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut conn = connect(path, "?mode=ro")?;
    let sql = |error: diesel::result::Error| OpenError::Sql { path: path.to_owned(), what: error.to_string() };
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -2048;",
    )
    .map_err(sql)?;
    let found = number(&mut conn, "query_only").map_err(sql)?;
    check(path, "query_only", &found.to_string(), "1")?;
    Ok(conn)
}

fn connect(path: &Path, suffix: &str) -> Result<SqliteConnection, OpenError> {
    let url = format!("file:{}{suffix}", uri_path(path));
    SqliteConnection::establish(&url).map_err(|error| OpenError::Sql { path: path.to_owned(), what: error.to_string() })
}

/// Escapes what SQLite's URI file names give a meaning to (<https://sqlite.org/uri.html>).
fn uri_path(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn check(path: &Path, pragma: &'static str, found: &str, wanted: &str) -> Result<(), OpenError> {
    if found == wanted {
        return Ok(());
    }
    Err(OpenError::Pragma { path: path.to_owned(), pragma, found: found.into(), wanted: wanted.into() })
}
