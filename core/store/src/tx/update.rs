//! An update whose prepared form is kept. diesel prepares its own updates anew each time, which takes as long as
//! carrying them out.

use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Nullable, Text},
    sqlite::Sqlite,
};

/// A value for one `?`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A whole number, or NULL.
    MaybeInt(Option<i64>),
    /// Bytes, or NULL.
    Bytes(Option<&'a [u8]>),
    /// A text, or NULL.
    Text(Option<&'a str>),
}

/// The statement: one `?` in its text for each value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<'a> {
    /// Its text, which is what its prepared form is found by.
    pub sql: &'static str,
    /// The values, in order.
    pub values: &'a [Value<'a>],
}

impl QueryId for Update<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Sqlite> for Update<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut parts = self.sql.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (value, part) in self.values.iter().zip(parts) {
            match value {
                Value::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::MaybeInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Value::Bytes(value) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                Value::Text(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for Update<'_> {}
