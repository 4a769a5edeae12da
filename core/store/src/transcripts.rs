//! Reading which transcripts were taken in.

use diesel::prelude::*;
use tieline_model::{event::Source, reply::TranscriptView};

use crate::{
    Reader, StoreError, rows,
    rows::unsigned,
    schema::{sessions, transcripts},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = transcripts)]
struct Row {
    vendor: String,
    native: String,
    offset: i64,
    state: String,
    lines: i64,
    activities: i64,
    bad: i64,
    unknown: String,
}

impl Reader {
    /// Reads the transcripts that were taken in, or one of them.
    pub fn transcripts(&mut self, only: Option<&Source>) -> Result<Vec<TranscriptView>, StoreError> {
        let mut query = transcripts::table
            .inner_join(sessions::table.on(sessions::no.eq(transcripts::session_no)))
            .order(transcripts::no)
            .select((sessions::id, Row::as_select()))
            .into_boxed();
        if let Some(source) = only {
            query =
                query.filter(transcripts::vendor.eq(&source.vendor)).filter(transcripts::native.eq(&source.session));
        }
        let found: Vec<(Vec<u8>, Row)> = query.load(self.conn()?)?;
        let view = |(session, row): (Vec<u8>, Row)| {
            Ok(TranscriptView {
                source: Source { vendor: row.vendor, session: row.native },
                session: rows::session_id("sessions", &session)?,
                offset: unsigned(row.offset),
                state: row.state,
                lines: unsigned(row.lines),
                activities: unsigned(row.activities),
                bad: unsigned(row.bad),
                unknown: rows::json("transcripts", &row.unknown)?,
            })
        };
        found.into_iter().map(view).collect()
    }
}
