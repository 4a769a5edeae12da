//! One stage of a removal, inside the writer's transaction.

use std::fmt;

use tieline_model::{
    EventBody, Failure, Lane, MessageId, Refusal, SessionId, delivery, event::Purged, outcome::Code, reply::PurgedView,
};
use tieline_store::{Answered, JobError, Purge, PurgeStep, StoreError};
use tokio::sync::oneshot;

use crate::{decide::Decision, shared::Shared};

/// What is to be done.
#[derive(Debug)]
pub enum Stage {
    /// Write down what is to be removed of a session.
    Begin(SessionId, Purge),
    /// Remove the next few things of it.
    Step(SessionId),
    /// Write the files anew.
    Scrub,
    /// Write down that it is done.
    End(SessionId),
    /// Take the words out of messages.
    Words(Vec<MessageId>),
    /// Forget what commands were answered.
    Outcomes(Vec<Answered>),
    /// Write down whether words may be gone which search still knows.
    Forgetting(bool),
}

/// What was done.
#[derive(Debug)]
pub enum Staged {
    /// What was to be done.
    Done,
    /// A step.
    Step(PurgeStep),
    /// It is over.
    View(PurgedView),
    /// The words of these messages are gone.
    Words(Vec<MessageId>),
}

impl Staged {
    /// Returns what a step did.
    pub fn step(self) -> PurgeStep {
        match self {
            Staged::Step(step) => step,
            _ => PurgeStep { is_done: true, ..PurgeStep::default() },
        }
    }

    /// Returns what was removed in all.
    pub fn view(self, session: SessionId) -> PurgedView {
        match self {
            Staged::View(view) => view,
            _ => PurgedView { session, through: 0, events: 0, messages: 0 },
        }
    }

    /// Returns the messages whose words are gone.
    pub fn words(self) -> Vec<MessageId> {
        match self {
            Staged::Words(messages) => messages,
            _ => Vec::new(),
        }
    }
}

/// A stage with who waits for it.
pub struct PurgeJob {
    stage: Stage,
    result: Result<Staged, Failure>,
    done: oneshot::Sender<Result<Staged, Failure>>,
}

impl fmt::Debug for PurgeJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeJob").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl PurgeJob {
    /// Makes a job, and what its answer comes out of.
    pub fn new(stage: Stage) -> (Self, oneshot::Receiver<Result<Staged, Failure>>) {
        let (done, answer) = oneshot::channel();
        (Self { stage, result: Ok(Staged::Done), done }, answer)
    }

    /// Tells whether the files are to be written anew after it.
    pub fn scrubs(&self) -> bool {
        matches!(self.stage, Stage::Scrub)
    }

    /// Decides and writes.
    pub fn run(&mut self, decision: &mut Decision<'_, '_>) -> Result<(), StoreError> {
        let staged = match &self.stage {
            Stage::Begin(session, goal) => decision.begin_purge(*session, goal)?,
            Stage::Step(session) => decision.step_purge(*session)?,
            Stage::Scrub => Staged::Done,
            Stage::End(session) => decision.end_purge(*session)?,
            Stage::Words(messages) => Staged::Words(decision.tx.remove_words(messages)?),
            Stage::Outcomes(answered) => {
                decision.tx.remove_outcomes(answered)?;
                Staged::Done
            }
            Stage::Forgetting(is_forgetting) => {
                decision.tx.set_forgetting(*is_forgetting)?;
                Staged::Done
            }
        };
        self.result = Ok(staged);
        Ok(())
    }

    /// It was not kept.
    pub fn failed(&mut self, shared: &Shared, error: JobError) {
        self.result = Err(match error {
            JobError::Store(StoreError::Full) => {
                let message = "the disk is full: a removal needs room for a copy of the database; it is finished later";
                Refusal::new(Code::StorageFull, message).retry_after(10_000).into()
            }
            JobError::Store(StoreError::Busy) => {
                let message = "somebody reads for too long; the removal is finished later";
                Refusal::new(Code::Busy, message).retry_after(1_000).into()
            }
            other => shared.fault(other).into(),
        });
    }

    /// Tells who waits.
    pub fn answer(self) {
        // Who does not wait any more does not want to know.
        let _ = self.done.send(self.result);
    }
}

impl Decision<'_, '_> {
    fn begin_purge(&mut self, session: SessionId, goal: &Purge) -> Result<Staged, StoreError> {
        let mut goal = goal.clone();
        if goal.is_whole {
            // It is closed: nobody fetches what waits there, and its senders are told so.
            let Some(inbox) = self.tx.head(session)?.map(|head| head.inbox) else { return Ok(Staged::Done) };
            for lane in Lane::ALL {
                for row in self.tx.deliveries(session, lane, inbox.delivered[lane] + 1, inbox.heads[lane])? {
                    if delivery::is_pending(row.state) {
                        self.end(session, &row, delivery::Input::GivenUp, "the session was purged")?;
                    }
                }
            }
            goal.through = self.tx.head(session)?.map_or(goal.through, |head| head.event_seq);
        }
        goal.newest_outcome = self.tx.newest_rows()?.1;
        self.tx.set_purge(session, Some(&goal))?;
        Ok(Staged::Done)
    }

    fn step_purge(&mut self, session: SessionId) -> Result<Staged, StoreError> {
        let step = self.tx.purge_step(session, self.now)?;
        if step.is_done && self.tx.purge(session)?.is_some_and(|purge| purge.is_whole) {
            self.list(session)?;
        }
        Ok(Staged::Step(step))
    }

    fn end_purge(&mut self, session: SessionId) -> Result<Staged, StoreError> {
        let Some(done) = self.tx.purge(session)? else { return Ok(Staged::Done) };
        let Purge { by, is_whole, through, cursor, events, messages, .. } = done;
        let through = if events > 0 { through } else { 0 };
        // What grows too old every day is not told of every day: the first number that is kept says it.
        let is_told = is_whole || (by.is_some() && (events > 0 || messages > 0));
        if is_told {
            let purged = Purged { by, through, through_cursor: cursor, events, messages, all: is_whole };
            self.event(session, EventBody::Purged(purged))?;
        }
        self.tx.set_purge(session, None)?;
        Ok(Staged::View(PurgedView { session, through, events, messages }))
    }
}
