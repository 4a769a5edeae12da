//! Taking in transcripts: what was read, and how far, in one step. Nothing is taken in twice.

use tieline_model::{
    Refusal, Reply,
    command::{Happened, TranscriptRecord},
    event::Source,
    outcome::Code,
    reply::{TranscriptView, Transcripts},
    text,
};
use tieline_store::TranscriptRow;

use super::{Decision, Stop, record};
use crate::request::Request;

/// How many lines one command may have.
const MAX_LINES: usize = 500;
/// The largest state of a reader, in bytes.
const MAX_STATE: usize = 64 * 1024;

impl Decision<'_, '_> {
    pub(super) fn transcript_record(&mut self, request: &Request, taken: &TranscriptRecord) -> Result<Reply, Stop> {
        let hashes = check(taken)?;
        let session = self.acting(request, Some(&taken.session), "transcript_record.session")?;
        let mut row = self.tx.transcript(&taken.source, session)?;
        if row.session != session {
            let title = self.shared.title(row.session);
            let message = format!("the transcript is on the timeline of `{title}` already");
            return Err(Refusal::new(Code::BadInput, message).at("transcript_record.session").into());
        }
        let mut fresh: Vec<Happened> = Vec::new();
        for (line, hash) in taken.lines.iter().zip(hashes) {
            if self.tx.take_line(row.no, &hash)? {
                row.lines += 1;
                row.activities += line.activities.len() as u64;
                fresh.extend(line.activities.iter().cloned());
            }
        }
        self.put_all(session, request.principal.id, Some(&taken.source), &fresh)?;
        // Bad lines have no hash that is kept: they count when the file is read for the first time.
        if taken.offset > row.offset {
            row.bad += taken.bad;
            for (kind, count) in &taken.unknown {
                *row.unknown.entry(kind.clone()).or_default() += count;
            }
        }
        row.offset = taken.offset;
        row.state.clone_from(&taken.state);
        self.tx.put_transcript(&taken.source, &row)?;
        fail::fail_point!("transcript.after_record");
        Ok(Reply::Transcripts(Transcripts { transcripts: vec![view(&taken.source, row)], reported: None }))
    }
}

fn view(source: &Source, row: TranscriptRow) -> TranscriptView {
    let TranscriptRow { session, offset, state, lines, activities, bad, unknown, .. } = row;
    TranscriptView { source: source.clone(), session, offset, state, lines, activities, bad, unknown }
}

/// Checks what was read, and returns the hashes of the lines.
fn check(taken: &TranscriptRecord) -> Result<Vec<[u8; 8]>, Stop> {
    text::check_name(&taken.source.vendor, "transcript_record.source.vendor")?;
    text::check_name(&taken.source.session, "transcript_record.source.session")?;
    if taken.lines.len() > MAX_LINES {
        let message = format!("{} lines; at most {MAX_LINES} are taken", taken.lines.len());
        return Err(Refusal::new(Code::BadInput, message).at("transcript_record.lines").into());
    }
    if taken.state.len() > MAX_STATE {
        let message = format!("{} bytes; at most {MAX_STATE} are kept", taken.state.len());
        return Err(Refusal::new(Code::TooLarge, message).at("transcript_record.state").into());
    }
    let all: Vec<&Happened> = taken.lines.iter().flat_map(|line| &line.activities).collect();
    record::check(&all, "transcript_record.lines", 0)?;
    let mut hashes = Vec::with_capacity(taken.lines.len());
    for (at, line) in taken.lines.iter().enumerate() {
        let number = u64::from_str_radix(&line.hash, 16).ok().filter(|_| line.hash.len() == 16);
        let Some(number) = number else {
            let message = format!("`{}` is no hash; wanted 16 hexadecimal digits", line.hash);
            return Err(Refusal::new(Code::BadInput, message).at(format!("transcript_record.lines[{at}].hash")).into());
        };
        hashes.push(number.to_be_bytes());
    }
    Ok(hashes)
}
