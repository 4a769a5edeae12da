//! Which transcripts were taken in.

use tieline_model::{Reply, command::TranscriptList, reply::Transcripts};

use super::Query;
use crate::decide::Stop;

impl Query<'_> {
    /// Answers `transcript_list`.
    pub(super) fn transcript_list(&mut self, list: &TranscriptList) -> Result<Reply, Stop> {
        let mut transcripts = self.reader.transcripts(list.source.as_ref())?;
        transcripts.retain(|transcript| self.may_see(transcript.session));
        let told = match &list.source {
            Some(source) => self.reader.sessions_of_native(&source.vendor, &source.session)?,
            None => Vec::new(),
        };
        let reported = told.into_iter().find(|session| self.may_see(*session));
        Ok(Reply::Transcripts(Transcripts { transcripts, reported }))
    }
}
