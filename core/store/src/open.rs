//! Opens a database: takes the lock, refuses what is not ours, backs up, migrates, checks.

use std::{
    fs,
    io::Read,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use diesel::{
    QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, migration::Migration,
    migration::MigrationSource, sql_query, sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    OpenError, StoreError,
    lock::{self, Lock},
    pragma,
    readers::Readers,
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");
/// How every SQLite database begins (<https://sqlite.org/fileformat.html#the_database_header>).
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// When a commit counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// When the disk has it: survives a power cut.
    #[default]
    Full,
    /// When the operating system has it: survives a crash of the daemon, not a power cut.
    Normal,
}

impl Synchronous {
    /// SQLite's number for it (<https://sqlite.org/pragma.html#pragma_synchronous>).
    pub(crate) const fn number(self) -> i64 {
        match self {
            Synchronous::Normal => 1,
            Synchronous::Full => 2,
        }
    }
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; its folder is made when it is missing.
    pub path: PathBuf,
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// How many connections read; at least 1.
    pub readers: usize,
    /// At how many bytes of write-ahead log the writer stops to copy it back.
    pub wal_limit_bytes: u64,
}

/// An open database, held for this process alone.
#[derive(Debug)]
pub struct Store {
    pub(crate) options: Options,
    _lock: Lock,
    readers: Readers,
    log_id: String,
    redaction_key: String,
}

impl Store {
    /// Opens or creates the database. Creates folders with mode 0700 and files with mode 0600.
    ///
    /// Refuses a second daemon, a file that is not ours, and a schema newer than this version; makes a
    /// backup before it migrates; reads durability settings back.
    pub fn open(options: Options) -> Result<Store, OpenError> {
        let path = options.path.clone();
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let io = |error| OpenError::Io { path: path.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
        let lock = lock::take(&path.with_extension("lock"))?;
        let is_new = is_new_or_ours(&path)?;
        // SQLite gives the write-ahead log the mode of the database, so this settles all three files.
        fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(io)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io)?;

        let mut conn = pragma::writer(&path, options.synchronous)?;
        fail::fail_point!("store.before_identity");
        check_identity(&mut conn, &path, is_new)?;
        fail::fail_point!("store.before_migrations");
        migrate(&mut conn, &path)?;
        fail::fail_point!("store.opened");
        let log_id = crate::tx::log_id(&mut conn).map_err(|error| sql(&path, error))?;
        let redaction_key = crate::tx::redaction_key(&mut conn).map_err(|error| sql(&path, error))?;
        drop(conn);
        let readers = Readers::open(&path, options.readers.max(1))?;
        Ok(Store { options, _lock: lock, readers, log_id, redaction_key })
    }

    /// Returns where the database is; other files of the daemon's lie beside it.
    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Returns the read-only connections.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Names the lineage of this database's numbers: another one after a restore.
    pub fn log_id(&self) -> &str {
        &self.log_id
    }

    /// Returns what hashes of secrets are keyed with; it stays in this database.
    pub fn redaction_key(&self) -> &str {
        &self.redaction_key
    }

    /// Has SQLite check the file's structure. Takes long on a large file: meant for a thread of its own.
    pub fn quick_check(&self) -> Result<(), OpenError> {
        let path = &self.options.path;
        let mut conn = pragma::reader(path)?;
        let found = quick_check(&mut conn).map_err(|error| sql(path, error))?;
        if found == "ok" { Ok(()) } else { Err(OpenError::Damaged { path: path.clone(), what: found }) }
    }
}

fn sql(path: &Path, error: impl std::fmt::Display) -> OpenError {
    OpenError::Sql { path: path.to_owned(), what: error.to_string() }
}

/// Looks at the first bytes before SQLite does: opening a foreign file in WAL mode would change it.
fn is_new_or_ours(path: &Path) -> Result<bool, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(io(error)),
    };
    let mut header = Vec::new();
    file.by_ref().take(105).read_to_end(&mut header).map_err(io)?;
    let foreign = |what: &str| Err(OpenError::Foreign { path: path.to_owned(), what: what.to_owned() });
    if header.is_empty() {
        return Ok(true);
    }
    if !header.starts_with(SQLITE_MAGIC) {
        return foreign("the file does not start like an SQLite database");
    }
    // The application id is the big-endian number at offset 68. A database that was created and whose first
    // checkpoint never came has none in the file yet: then the log beside it has to exist.
    let id = header.get(68..72).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes).unwrap_or_default();
    let has_log = path.with_extension("db-wal").metadata().is_ok_and(|meta| meta.len() > 0);
    if i64::from(id) == pragma::APPLICATION_ID || (id == 0 && has_log) {
        return Ok(false);
    }
    if id == 0 && holds_nothing(&header) {
        // A first start was killed before it could write its name: nobody's, and as good as new.
        return Ok(true);
    }
    foreign("it is a database of another program")
}

/// Tells whether the schema is empty: the first page, after its 100 bytes of header, is a leaf (13) without cells
/// (<https://sqlite.org/fileformat.html#b_tree_pages>).
fn holds_nothing(header: &[u8]) -> bool {
    header.get(100) == Some(&13) && header.get(103..105) == Some(&[0, 0])
}

fn check_identity(conn: &mut SqliteConnection, path: &Path, is_new: bool) -> Result<(), OpenError> {
    let tables = count_tables(conn).map_err(|error| sql(path, error))?;
    let id = pragma::number(conn, "application_id").map_err(|error| sql(path, error))?;
    if id == pragma::APPLICATION_ID {
        return Ok(());
    }
    if !is_new && tables > 0 {
        return Err(OpenError::Foreign { path: path.to_owned(), what: "it is a database of another program".into() });
    }
    conn.batch_execute(&format!("PRAGMA application_id = {}", pragma::APPLICATION_ID)).map_err(|error| sql(path, error))
}

fn migrate(conn: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let known: Vec<Box<dyn Migration<Sqlite>>> = MIGRATIONS.migrations().map_err(|error| sql(path, error))?;
    let known: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    let applied: Vec<String> = conn
        .applied_migrations()
        .map_err(|error| sql(path, error))?
        .into_iter()
        .map(|version| version.to_string())
        .collect();
    if let Some(unknown) = applied.iter().find(|version| !known.contains(version)) {
        return Err(OpenError::Newer { path: path.to_owned(), migration: unknown.clone() });
    }
    if applied.len() == known.len() {
        return Ok(());
    }
    if !applied.is_empty() {
        back_up(conn, path, applied.last().map_or("0", String::as_str))?;
    }
    let run = conn.run_pending_migrations(MIGRATIONS).map_err(|error| sql(path, error))?;
    tracing::info!(migrations = run.len(), "database migrated");
    Ok(())
}

/// Writes a whole copy beside the database before anything in it changes.
fn back_up(conn: &mut SqliteConnection, path: &Path, version: &str) -> Result<(), OpenError> {
    let folder = path.parent().unwrap_or(Path::new(".")).join("backups");
    let io = |error| OpenError::Io { path: folder.clone(), error };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
    let copy = folder.join(format!("before-{version}.db"));
    if copy.exists() {
        fs::remove_file(&copy).map_err(io)?;
    }
    let quoted = copy.to_string_lossy().replace('\'', "''");
    conn.batch_execute(&format!("VACUUM INTO '{quoted}'")).map_err(|error| sql(path, error))?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(io)?;
    tracing::info!(backup = %copy.display(), "database backed up before migration");
    Ok(())
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = diesel::sql_types::Text)]
    quick_check: String,
}

fn count_tables(conn: &mut SqliteConnection) -> diesel::QueryResult<i64> {
    Ok(sql_query("SELECT count(*) AS count FROM sqlite_schema").get_result::<Count>(conn)?.count)
}

fn quick_check(conn: &mut SqliteConnection) -> Result<String, StoreError> {
    let findings: Vec<Finding> = sql_query("PRAGMA quick_check(5)").load(conn)?;
    Ok(findings.into_iter().map(|row| row.quick_check).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_can_be_taken_back_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tieline.db");
        let mut conn = pragma::writer(&path, Synchronous::Full).unwrap();
        conn.run_pending_migrations(MIGRATIONS).unwrap();
        let tables = count_tables(&mut conn).unwrap();
        conn.revert_all_migrations(MIGRATIONS).unwrap();
        // What is left is diesel's own table of migrations with its index.
        assert_eq!(count_tables(&mut conn).unwrap(), 2);
        conn.run_pending_migrations(MIGRATIONS).unwrap();
        assert_eq!(count_tables(&mut conn).unwrap(), tables);
    }

    #[test]
    fn a_backup_is_a_whole_database_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's here.db");
        let mut conn = pragma::writer(&path, Synchronous::Full).unwrap();
        conn.run_pending_migrations(MIGRATIONS).unwrap();
        let tables = count_tables(&mut conn).unwrap();
        back_up(&mut conn, &path, "1").unwrap();
        back_up(&mut conn, &path, "1").unwrap();
        let copy = folder.path().join("backups/before-1.db");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let mut copy = pragma::reader(&copy).unwrap();
        assert_eq!(count_tables(&mut copy).unwrap(), tables);
        assert_eq!(quick_check(&mut copy).unwrap(), "ok");
    }
}
