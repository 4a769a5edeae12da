//! Putting on a timeline what an agent did.

use tieline_model::{EventBody, Refusal, Reply, command::Record, event::Recorded, outcome::Code, reply::RecordedView};

use super::{Decision, Stop};
use crate::request::Request;

/// How many activities one command may record.
const MAX_ACTIVITIES: usize = 500;
/// The longest text of an activity, in bytes.
const MAX_TEXT: usize = 256 * 1024;

impl Decision<'_, '_> {
    pub(super) fn record_activities(&mut self, request: &Request, record: &Record) -> Result<Reply, Stop> {
        check(record)?;
        let session = self.acting(request, record.session.as_ref(), "record.session")?;
        let before = self.tx.head(session)?.map_or(0, |head| head.event_seq);
        let mut progress = self.tx.agent_progress(session)?.unwrap_or_default();
        for happened in &record.activities {
            let recorded = Recorded {
                by: request.principal.id,
                happened_at_ms: happened.at_ms,
                source: record.source.clone(),
                what: happened.what.clone(),
            };
            let event = self.tx.append_event(session, self.now, EventBody::Activity(Box::new(recorded)))?;
            self.cursor = event.cursor;
            progress.fold(event.seq, event.at_ms, &event.body);
        }
        self.tx.set_agent_progress(session, &progress)?;
        let last_seq = before + record.activities.len() as u64;
        Ok(Reply::Recorded(RecordedView { session, first_seq: before + 1, last_seq }))
    }
}

fn check(record: &Record) -> Result<(), Stop> {
    let count = record.activities.len();
    if !(1..=MAX_ACTIVITIES).contains(&count) {
        let message = format!("{count} activities; wanted 1 to {MAX_ACTIVITIES}");
        return Err(Refusal::new(Code::BadInput, message).at("record.activities").into());
    }
    for (at, happened) in record.activities.iter().enumerate() {
        if let Some(text) = happened.what.texts().into_iter().find(|text| text.len() > MAX_TEXT) {
            let message = format!("a text of {} bytes; at most {MAX_TEXT} are allowed", text.len());
            return Err(Refusal::new(Code::TooLarge, message).at(format!("record.activities[{at}].what")).into());
        }
    }
    Ok(())
}
