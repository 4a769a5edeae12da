//! Pages of timelines.

use tieline_model::{Code, Refusal, Reply, command::Timeline, reply::TimelinePage};
use tieline_store::Side;

use super::{Query, limit};
use crate::decide::Stop;

/// How many sessions one page may merge.
const MAX_SESSIONS: usize = 20;

impl Query<'_> {
    /// Answers `timeline`.
    pub(super) fn timeline(&mut self, timeline: &Timeline) -> Result<Reply, Stop> {
        let limit = limit(timeline.limit, 100, 500, "timeline.limit")? as usize;
        let side = match (timeline.after, timeline.before) {
            (Some(_), Some(_)) => {
                let message = "`before` and `after` together; a page is read from one side";
                return Err(Refusal::new(Code::BadInput, message).at("timeline.before").into());
            }
            (Some(after), None) => Side::After(after),
            (None, before) => Side::Before(before),
        };
        if timeline.sessions.len() > MAX_SESSIONS {
            let message = format!("{} sessions; at most {MAX_SESSIONS} are merged", timeline.sessions.len());
            return Err(Refusal::new(Code::BadInput, message).at("timeline.sessions").into());
        }
        let mut sessions = Vec::with_capacity(timeline.sessions.len().max(1));
        for (at, address) in timeline.sessions.iter().enumerate() {
            sessions.push(self.find(address, &format!("timeline.sessions[{at}]"))?);
        }
        if sessions.is_empty() {
            sessions.push(self.shared.usual(self.request));
        }
        sessions.sort_unstable();
        sessions.dedup();
        // One more than asked for shows whether there are more.
        let mut events = self.reader.timelines(&sessions, side, limit + 1)?;
        let has_more = events.len() > limit;
        if has_more {
            match side {
                Side::After(_) => drop(events.pop()),
                Side::Before(_) => drop(events.remove(0)),
            }
        }
        Ok(Reply::Timeline(TimelinePage { events, has_more }))
    }
}
