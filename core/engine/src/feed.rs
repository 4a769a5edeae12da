//! Live events without gaps: a reader has a cursor, reads from the store, and waits for the next commit.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tieline_model::{Address, Event, Failure, Principal, Refusal, SessionId, event::Gap};
use tieline_store::StoreError;
use tokio::sync::watch;

use crate::shared::Shared;

/// How many events are read at once.
const PAGE: i64 = 256;

/// One reader's place in the events.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    caller: Arc<Principal>,
    /// Empty for all in reach.
    only: Vec<SessionId>,
    cursor: i64,
    newest: watch::Receiver<i64>,
    page: VecDeque<Live>,
    /// The gaps that were told of, by session: through which cursor.
    told: HashMap<SessionId, i64>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// Something happened.
    Event(Box<Event>),
    /// Something had happened after the reader's cursor, and was removed before it could be read.
    Gap(Gap),
}

impl Feed {
    /// Starts after `cursor`, or at what comes next. Only events of sessions in the caller's reach are read.
    pub async fn open(
        shared: &Arc<Shared>,
        caller: &Arc<Principal>,
        sessions: &[Address],
        cursor: Option<i64>,
    ) -> Result<Self, Failure> {
        if !caller.may(tieline_model::Scope::TimelineRead) {
            let message = format!("`{}` lacks the scope `timeline:read`", caller.name);
            return Err(Refusal::new(tieline_model::Code::Forbidden, message).into());
        }
        let find = |address| shared.directory(|d| d.find(address, caller, "session").map(|entry| entry.id));
        let only = sessions.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let newest = shared.feed.subscribe();
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => read(shared, |reader| reader.last_cursor()).await?,
        };
        Ok(Self {
            shared: Arc::clone(shared),
            caller: Arc::clone(caller),
            only,
            cursor,
            newest,
            page: VecDeque::new(),
            told: HashMap::new(),
        })
    }

    /// Returns the next event, waiting for one. `None` when the daemon stops, the store fails or the caller's
    /// token ends: the reader comes back with its cursor.
    pub async fn next(&mut self) -> Option<Live> {
        loop {
            while let Some(live) = self.page.pop_front() {
                let session = match &live {
                    Live::Event(event) => {
                        self.cursor = event.cursor;
                        event.session
                    }
                    Live::Gap(gap) => gap.session,
                };
                if self.is_wanted(session) {
                    return Some(live);
                }
            }
            if !self.shared.tokens.knows(self.caller.id) {
                return None;
            }
            self.newest.borrow_and_update();
            let cursor = self.cursor;
            // What was removed before the events were read shows in the gaps that are read after them.
            let page = read(&self.shared, move |reader| {
                let events = reader.events_after(cursor, PAGE)?;
                Ok((reader.gaps(cursor)?, events))
            });
            let Ok((gaps, events)) = page.await else { return None };
            for gap in gaps {
                if self.told.insert(gap.session, gap.through_cursor) != Some(gap.through_cursor) {
                    self.page.push_back(Live::Gap(gap));
                }
            }
            self.page.extend(events.into_iter().map(|event| Live::Event(Box::new(event))));
            if self.page.is_empty() {
                tokio::select! {
                    changed = self.newest.changed() => changed.ok()?,
                    () = self.shared.tokens.disowned(self.caller.id) => return None,
                    () = self.shared.drained() => return None,
                }
            }
        }
    }

    fn is_wanted(&self, session: SessionId) -> bool {
        if !self.only.is_empty() {
            return self.only.contains(&session);
        }
        session == self.caller.home
            || self
                .shared
                .directory(|directory| directory.get(session).is_some_and(|entry| self.caller.reaches(&entry.circle)))
    }
}

async fn read<T: Send + 'static>(
    shared: &Arc<Shared>,
    f: impl FnOnce(&mut tieline_store::Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let readers = shared.readers.clone();
    let read = shared.runtime.spawn_blocking(move || f(&mut readers.take())).await;
    match read {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(shared.fault(error).into()),
        Err(error) => Err(shared.fault(error).into()),
    }
}
