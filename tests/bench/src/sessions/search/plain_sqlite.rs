//! SQLite as one would use it at once: one FTS5 table with the text in it, ranked by the database.

use std::path::Path;

use anyhow::Result;
use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Text},
};
use tieline_search::{Document, Query};

use super::beside::Engine;

pub struct PlainSqlite(SqliteConnection);

#[derive(QueryableByName)]
struct Hit {
    #[diesel(sql_type = BigInt)]
    #[expect(dead_code, reason = "what is found is counted, not read")]
    rowid: i64,
}

impl Engine for PlainSqlite {
    const NAME: &'static str = "plain_sqlite";

    fn open(folder: &Path) -> Result<Self> {
        let mut conn = SqliteConnection::establish(&folder.join("plain.db").to_string_lossy())?;
        conn.batch_execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = 1;
             CREATE VIRTUAL TABLE events USING fts5 (text, session UNINDEXED);",
        )?;
        Ok(Self(conn))
    }

    fn add(&mut self, documents: impl Iterator<Item = Document>) -> Result<()> {
        self.0.transaction(|conn| {
            for document in documents {
                sql_query("INSERT INTO events (rowid, text, session) VALUES (?, ?, ?)")
                    .bind::<BigInt, _>(document.cursor)
                    .bind::<Text, _>(&document.text)
                    .bind::<Text, _>(document.session.to_string())
                    .execute(conn)?;
            }
            Ok(())
        })
    }

    fn search(&mut self, query: &Query, limit: usize) -> Result<usize> {
        let terms = query.terms.iter().map(|term| {
            let star = if term.is_prefix { "*" } else { "" };
            format!("\"{}\"{star}", term.words.join(" "))
        });
        let expression = terms.collect::<Vec<_>>().join(" AND ");
        let one = if query.sessions.len() == 1 { query.sessions.iter().next() } else { None };
        let (filter, session) = one.map_or(("? = ''", String::new()), |id| ("session = ?", id.to_string()));
        let hits: Vec<Hit> = sql_query(format!(
            "SELECT rowid FROM events WHERE events MATCH ? AND {filter} ORDER BY rank LIMIT {limit}"
        ))
        .bind::<Text, _>(expression)
        .bind::<Text, _>(session)
        .load(&mut self.0)?;
        Ok(hits.len())
    }
}
