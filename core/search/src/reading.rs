//! Looking something up in the index, beside whoever writes to it.

use std::{
    fmt,
    sync::{PoisonError, RwLockReadGuard},
};

use diesel::{
    QueryableByName, RunQueryDsl, SqliteConnection,
    result::Error,
    sql_query,
    sql_types::{BigInt, Nullable, Text},
};

use crate::{
    IndexError, Query,
    cover::cover,
    fts,
    index::{Files, Row, lock},
};

/// So many connections are kept for readers.
const MAX_IDLE_READERS: usize = 2;

#[derive(QueryableByName)]
struct Ends {
    #[diesel(sql_type = Nullable<BigInt>)]
    first: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
}

/// How a query is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    expression: String,
    first: i64,
    last: i64,
}

/// The index as it is at one moment, or later.
pub struct Reading<'a> {
    through: i64,
    files: RwLockReadGuard<'a, Files>,
    conn: Option<SqliteConnection>,
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("through", &self.through).finish_non_exhaustive()
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(files: RwLockReadGuard<'a, Files>, conn: SqliteConnection) -> Self {
        Self { through: files.through(), files, conn: Some(conn) }
    }

    /// Returns the cursor through which this reading has all events.
    pub fn through(&self) -> i64 {
        self.through
    }

    /// Works out how a query is looked up; `None` when the index has nothing for it.
    pub fn plan(&mut self, query: &Query) -> Result<Option<Plan>, IndexError> {
        let cover = cover(&query.sessions, &self.files.homes.read().unwrap_or_else(PoisonError::into_inner));
        let Some(expression) = fts::expression(query, cover) else { return Ok(None) };
        let stretch = self.stretch(query)?;
        Ok(stretch.map(|(first, last)| Plan { expression, first, last }))
    }

    /// Returns the cursors of events that may be wanted, newest first, at least `from` and below `before`. Those that are
    /// wanted are among them; what is found is to be looked at once more.
    pub fn candidates(&mut self, plan: &Plan, from: i64, before: i64, limit: usize) -> Result<Vec<i64>, IndexError> {
        let before = before.min(self.through.saturating_add(1)).min(plan.last.saturating_add(1));
        let found: Vec<Row> = sql_query(
            "SELECT rowid AS cursor FROM docs WHERE docs MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
        )
        .bind::<Text, _>(&plan.expression)
        .bind::<BigInt, _>(from.max(plan.first))
        .bind::<BigInt, _>(before)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(self.conn()?)?;
        Ok(found.into_iter().map(|row| row.cursor).collect())
    }

    /// Returns between which cursors a time can be.
    fn stretch(&mut self, query: &Query) -> Result<Option<(i64, i64)>, IndexError> {
        if query.after.is_none() && query.before.is_none() {
            return Ok(Some((0, i64::MAX)));
        }
        let ends = sql_query(
            "SELECT min(first) AS first, max(last) AS last FROM spans WHERE latest_ms >= ? AND earliest_ms < ?",
        )
        .bind::<BigInt, _>(query.after.map_or(i64::MIN, |after| after.0))
        .bind::<BigInt, _>(query.before.map_or(i64::MAX, |before| before.0))
        .get_result::<Ends>(self.conn()?)?;
        Ok(ends.first.zip(ends.last))
    }

    pub(crate) fn conn(&mut self) -> Result<&mut SqliteConnection, IndexError> {
        self.conn.as_mut().ok_or_else(|| IndexError::Sql(Error::NotFound))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut idle = lock(&self.files.idle);
        if let Some(conn) = self.conn.take()
            && idle.len() < MAX_IDLE_READERS
        {
            idle.push(conn);
        }
    }
}
