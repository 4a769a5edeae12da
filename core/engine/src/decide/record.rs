//! Putting on a timeline what an agent did.

use tieline_model::{
    EventBody, PrincipalId, Refusal, Reply, SessionId,
    command::{Happened, Record},
    event::{Activity, Draft, Recorded, Source},
    outcome::Code,
    reply::RecordedView,
    session::progress::Progress,
};
use tieline_store::StoreError;

use super::{Decision, Stop, remind::Occasion};
use crate::request::Request;

/// How many activities one command may record.
const MAX_ACTIVITIES: usize = 500;
/// The longest text of an activity, in bytes.
pub(super) const MAX_TEXT: usize = 256 * 1024;

/// What changes while activities are recorded, and is written once.
struct Recording {
    progress: Progress,
    draft: Option<Draft>,
}

impl Decision<'_, '_> {
    pub(super) fn record_activities(&mut self, request: &Request, record: &Record) -> Result<Reply, Stop> {
        let all: Vec<&Happened> = record.activities.iter().collect();
        check(&all, "record.activities", 1)?;
        let session = self.acting(request, record.session.as_ref(), "record.session")?;
        let before = self.tx.head(session)?.map_or(0, |head| head.event_seq);
        self.put_all(session, request.principal.id, record.source.as_ref(), &record.activities)?;
        if record.activities.iter().any(|happened| matches!(happened.what, Activity::TurnEnded { .. }))
            && let Some(at) = self.remind(session, Occasion::TurnEnd)?
        {
            self.expires(session, at);
        }
        let last_seq = self.tx.head(session)?.map_or(0, |head| head.event_seq);
        Ok(Reply::Recorded(RecordedView { session, first_seq: before + 1, last_seq }))
    }

    /// Puts activities on a timeline, in order, and folds them into what is known of the agent.
    pub(super) fn put_all(
        &mut self,
        session: SessionId,
        by: PrincipalId,
        source: Option<&Source>,
        activities: &[Happened],
    ) -> Result<(), StoreError> {
        let mut recording = Recording {
            progress: self.tx.agent_progress(session)?.unwrap_or_default(),
            draft: self.tx.draft(session)?,
        };
        let had_draft = recording.draft.is_some();
        for happened in activities {
            if let Activity::Saying { role, text } = &happened.what {
                self.say(session, &mut recording, Draft { role: *role, text: text.clone(), by })?;
                continue;
            }
            match (&happened.what, &recording.draft) {
                // The whole was told; its pieces are not needed.
                (Activity::Said { role, .. }, Some(draft)) if *role == draft.role => recording.draft = None,
                _ => self.finish_draft(session, &mut recording)?,
            }
            let recorded = Recorded {
                by,
                happened_at_ms: happened.at_ms,
                source: source.cloned(),
                what: self.without_secrets(&happened.what),
            };
            self.put(session, &mut recording, recorded)?;
        }
        self.tx.set_agent_progress(session, &recording.progress)?;
        if had_draft || recording.draft.is_some() {
            self.tx.set_draft(session, recording.draft.as_ref())?;
        }
        Ok(())
    }

    /// Makes an event of what a session was saying when its peer went away.
    pub(super) fn break_off(&mut self, session: SessionId) -> Result<(), StoreError> {
        let Some(draft) = self.tx.draft(session)? else { return Ok(()) };
        let progress = self.tx.agent_progress(session)?.unwrap_or_default();
        let mut recording = Recording { progress, draft: Some(draft) };
        self.finish_draft(session, &mut recording)?;
        self.tx.set_agent_progress(session, &recording.progress)?;
        self.tx.set_draft(session, None)
    }

    fn without_secrets(&self, what: &Activity) -> Activity {
        let mut what = what.clone();
        what.change_texts(|text| self.shared.redaction.clean_in_place(text));
        what
    }

    fn say(&mut self, session: SessionId, recording: &mut Recording, next: Draft) -> Result<(), StoreError> {
        match &mut recording.draft {
            Some(draft) if draft.role == next.role && draft.text.len() + next.text.len() <= MAX_TEXT => {
                draft.text.push_str(&next.text);
                // A secret may come in pieces.
                self.shared.redaction.clean_in_place(&mut draft.text);
            }
            _ => {
                self.finish_draft(session, recording)?;
                let mut next = next;
                self.shared.redaction.clean_in_place(&mut next.text);
                recording.draft = Some(next);
            }
        }
        Ok(())
    }

    fn finish_draft(&mut self, session: SessionId, recording: &mut Recording) -> Result<(), StoreError> {
        let Some(Draft { role, text, by }) = recording.draft.take() else { return Ok(()) };
        let what = Activity::Said { role, text, model: None };
        self.put(session, recording, Recorded { by, happened_at_ms: None, source: None, what })
    }

    fn put(&mut self, session: SessionId, recording: &mut Recording, recorded: Recorded) -> Result<(), StoreError> {
        let event = self.tx.append_event(session, self.now, EventBody::Activity(Box::new(recorded)))?;
        self.cursor = event.cursor;
        recording.progress.fold(event.seq, event.at_ms, &event.body);
        Ok(())
    }
}

/// Checks activities, of which there have to be `least`; `field` is where they stand.
pub(super) fn check(activities: &[&Happened], field: &str, least: usize) -> Result<(), Stop> {
    let count = activities.len();
    if !(least..=MAX_ACTIVITIES).contains(&count) {
        let message = format!("{count} activities; wanted {least} to {MAX_ACTIVITIES}");
        return Err(Refusal::new(Code::BadInput, message).at(field).into());
    }
    for (at, happened) in activities.iter().enumerate() {
        if let Some(text) = happened.what.texts().into_iter().find(|text| text.len() > MAX_TEXT) {
            let message = format!("a text of {} bytes; at most {MAX_TEXT} are allowed", text.len());
            return Err(Refusal::new(Code::TooLarge, message).at(format!("{field}[{at}].what")).into());
        }
    }
    Ok(())
}
