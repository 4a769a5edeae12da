//! Transcripts that were taken in, and which of their lines.

use std::collections::BTreeMap;

use diesel::{dsl::max, prelude::*};
use tieline_model::{SessionId, event::Source};

use super::Tx;
use crate::{
    StoreError, rows,
    rows::{signed, unsigned},
    schema::{transcript_lines, transcripts},
};

/// A transcript, as far as it was taken in.
#[derive(Debug, Clone)]
pub struct TranscriptRow {
    /// Its row.
    pub no: i64,
    /// On whose timeline it is.
    pub session: SessionId,
    /// Up to which byte the file was read.
    pub offset: u64,
    /// The reader's state.
    pub state: String,
    /// Lines that were taken in.
    pub lines: u64,
    /// Activities that were recorded.
    pub activities: u64,
    /// Lines that could not be read.
    pub bad: u64,
    /// Records of kinds that are not known, by kind.
    pub unknown: BTreeMap<String, u64>,
}

impl Tx<'_> {
    /// Reads a transcript; makes one for the session when there is none.
    pub fn transcript(&mut self, source: &Source, session: SessionId) -> Result<TranscriptRow, StoreError> {
        type Row = (i64, i64, i64, String, i64, i64, i64, String);
        let row: Option<Row> = transcripts::table
            .filter(transcripts::vendor.eq(&source.vendor))
            .filter(transcripts::native.eq(&source.session))
            .select((
                transcripts::no,
                transcripts::session_no,
                transcripts::offset,
                transcripts::state,
                transcripts::lines,
                transcripts::activities,
                transcripts::bad,
                transcripts::unknown,
            ))
            .get_result(self.conn)
            .optional()?;
        let Some((no, session_no, offset, state, lines, activities, bad, unknown)) = row else {
            let newest: Option<i64> = transcripts::table.select(max(transcripts::no)).get_result(self.conn)?;
            return Ok(TranscriptRow {
                no: newest.unwrap_or_default() + 1,
                session,
                offset: 0,
                state: String::new(),
                lines: 0,
                activities: 0,
                bad: 0,
                unknown: BTreeMap::new(),
            });
        };
        Ok(TranscriptRow {
            no,
            session: self.session_id(session_no)?,
            offset: unsigned(offset),
            state,
            lines: unsigned(lines),
            activities: unsigned(activities),
            bad: unsigned(bad),
            unknown: rows::json("transcripts", &unknown)?,
        })
    }

    /// Writes a transcript.
    pub fn put_transcript(&mut self, source: &Source, row: &TranscriptRow) -> Result<(), StoreError> {
        let session_no = self.no(row.session)?;
        diesel::replace_into(transcripts::table)
            .values((
                transcripts::no.eq(row.no),
                transcripts::vendor.eq(&source.vendor),
                transcripts::native.eq(&source.session),
                transcripts::session_no.eq(session_no),
                transcripts::offset.eq(signed(row.offset)),
                transcripts::state.eq(&row.state),
                transcripts::lines.eq(signed(row.lines)),
                transcripts::activities.eq(signed(row.activities)),
                transcripts::bad.eq(signed(row.bad)),
                transcripts::unknown.eq(rows::to_json(&row.unknown)?),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Notes a line as taken in; false when it was before.
    pub fn take_line(&mut self, transcript_no: i64, hash: &[u8]) -> Result<bool, StoreError> {
        let taken = diesel::insert_or_ignore_into(transcript_lines::table)
            .values((transcript_lines::transcript_no.eq(transcript_no), transcript_lines::hash.eq(hash)))
            .execute(self.conn)?;
        Ok(taken == 1)
    }
}
