//! Telling a session when another's agent program has come to rest: once, with a notice that is worth waking for.

use tieline_model::{
    Code, Lane, MessageId, MessageKind, Refusal, Reply, SessionId, TimestampMs,
    command::IdleWatch,
    message::Tells,
    reply::IdleWatched,
    rest::{self, WATCH_MS, WatchEnd},
    runtime::Runtime,
};
use tieline_store::StoreError;

use super::{Decision, Stop, send::Draft};
use crate::{request::Request, shared::Shared};

/// How long the notice is worth delivering.
const TTL_MS: u64 = 24 * 60 * 60 * 1000;

impl Decision<'_, '_> {
    pub(super) fn idle_watch(&mut self, request: &Request, watch: &IdleWatch) -> Result<Reply, Stop> {
        let watcher = self.acting(request, watch.sender.as_ref(), "idle_watch.as")?;
        let session = self.resolve(&watch.session, &request.principal, "idle_watch.session")?;
        if session == watcher {
            let message = "a session cannot be told of itself; name another, or who is to be told with `as`";
            return Err(Refusal::new(Code::BadInput, message).at("idle_watch.session").into());
        }
        let Some(runtime) = self.tx.runtime(session)? else {
            let message = format!("nothing tells when `{}` is at rest: no agent program has run it", watch.session);
            return Err(Refusal::new(Code::BadInput, message).at("idle_watch.session").into());
        };
        self.admit(&[watcher], Lane::Ctl, 0, "idle_watch.as")?;
        let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        let mut watched = IdleWatched { session, title, until_ms: None, notice: None };
        match self.rest_of(session, &runtime)? {
            Some(end) => watched.notice = self.end_watch(session, watcher, end)?,
            None => {
                let until = self.now.plus_ms(WATCH_MS);
                self.tx.set_idle_watch(session, watcher, until)?;
                self.expires(session, until);
                watched.until_ms = Some(until);
            }
        }
        Ok(Reply::IdleWatched(watched))
    }

    fn rest_of(&mut self, session: SessionId, runtime: &Runtime) -> Result<Option<WatchEnd>, StoreError> {
        if self.is_left(runtime) {
            return Ok(Some(WatchEnd::Offline));
        }
        let asks_permission = self.tx.agent_progress(session)?.is_some_and(|it| !it.approvals.is_empty());
        Ok(rest::of(runtime, asks_permission))
    }

    /// Something became of a session's program, or time has passed: tells who waits for its rest. Returns when to look
    /// again.
    pub(super) fn tell_watchers(&mut self, session: SessionId) -> Result<Option<TimestampMs>, StoreError> {
        let watches = self.tx.idle_watches(session)?;
        if watches.is_empty() {
            return Ok(None);
        }
        let runtime = self.tx.runtime(session)?;
        let rest = match &runtime {
            Some(runtime) => self.rest_of(session, runtime)?,
            None => Some(WatchEnd::Offline),
        };
        let mut next = None;
        for (watcher, until) in watches {
            match rest.or((until <= self.now).then_some(WatchEnd::TimeRanOut)) {
                Some(end) => drop(self.end_watch(session, watcher, end)?),
                None => next = next.into_iter().chain([until]).min(),
            }
        }
        Ok(next)
    }

    /// A session is being closed or archived: nobody has to wait for its program any more.
    pub(super) fn end_watches(&mut self, session: SessionId) -> Result<(), StoreError> {
        for (watcher, _) in self.tx.idle_watches(session)? {
            self.end_watch(session, watcher, WatchEnd::Offline)?;
        }
        Ok(())
    }

    /// Ends a watch with its one notice, unless nobody is there to get it.
    fn end_watch(
        &mut self,
        session: SessionId,
        watcher: SessionId,
        end: WatchEnd,
    ) -> Result<Option<MessageId>, StoreError> {
        self.tx.end_idle_watch(session, watcher)?;
        if !self.tx.head(watcher)?.is_some_and(|head| head.is_open) {
            return Ok(None);
        }
        fail::fail_point!("watch.before_notice");
        let title = self.tx.head(session)?.map(|head| head.title.clone()).unwrap_or_default();
        let text = match end {
            WatchEnd::Idle => format!("`{title}` is at rest: its agent program waits for a prompt."),
            WatchEnd::Offline => format!("`{title}` is offline: its agent program has ended."),
            WatchEnd::TimeRanOut => {
                format!("`{title}` did not come to rest in 24 hours and is no longer watched for you.")
            }
        };
        let tells = Some(Box::new(Tells::Rested { session, end }));
        let draft = Draft { text: Some(text), tells, ..Draft::default() };
        let message = self.message(MessageKind::Notice, session, &Shared::system(), draft, Some(TTL_MS))?;
        self.post(&message, &[watcher])?;
        fail::fail_point!("watch.after_notice");
        Ok(Some(message.id))
    }
}
