//! The one kind of job that the engine gives the store: decide and write, inside the writer's transaction.

use std::sync::Arc;

use tieline_model::{
    Command, Failure, Lane, LinkId, Outcome, Principal, Refusal, Reply, SessionId,
    outcome::{Code, OutcomeJson},
    reply::Done,
};
use tieline_store::{Job, JobError, StoreError, Tx};

use crate::{
    credential,
    decide::{Decision, Stop, Withheld, fire},
    effect::Effect,
    hand_over::HandOver,
    incidents::Incident,
    kv::KvJob,
    purge::PurgeJob,
    request::{ReplyTo, Request},
    shared::Shared,
};

/// What is to be done.
#[derive(Debug)]
pub enum Work {
    /// A caller's command.
    Command(Box<Request>),
    /// A link is gone: give its lease back.
    LinkLost {
        /// The link.
        link: LinkId,
        /// The session that it was attached to.
        session: SessionId,
        /// Why.
        reason: &'static str,
    },
    /// Something of this session may have run out.
    Expire {
        /// Whose inbox.
        session: SessionId,
    },
    /// Schedules may be due.
    Fire,
    /// The next instants of schedules may have been found by other time zone data.
    Rezone,
    /// The principals of the first start: all of them or none.
    Issue {
        /// Each with the secret of its token.
        principals: Vec<(Principal, String)>,
        /// Who waits for them.
        reply: ReplyTo,
    },
    /// A plugin changes what it keeps.
    Kv(Box<KvJob>),
    /// A stage of a removal.
    Purge(Box<PurgeJob>),
    /// The daemon's own session is missing.
    OpenMesh {
        /// Its id.
        session: SessionId,
        /// Who waits for it.
        reply: ReplyTo,
    },
    /// A plugin that speaks for itself is new, or may do something else than before.
    Adopt {
        /// Its principal.
        principal: Box<Principal>,
    },
    /// Something became of a plugin, or was asked of it and done.
    Record(Box<Incident>),
    /// The process of a session's agent program is gone.
    RuntimeLost {
        /// Whose.
        session: SessionId,
        /// Its number.
        pid: u32,
    },
    /// A delivery cannot be made.
    GiveUp {
        /// Whose inbox.
        session: SessionId,
        /// In which lane.
        lane: Lane,
        /// Its number.
        seq: u64,
        /// Why.
        reason: String,
    },
}

/// One unit of work with what came of it.
#[derive(Debug)]
pub struct EngineJob {
    shared: Arc<Shared>,
    /// What is to be done.
    pub work: Work,
    /// What the caller is answered.
    pub outcome: Option<Outcome>,
    /// The same as JSON, when it is kept under an idempotency key.
    pub json: Option<String>,
    /// What the router has to do.
    pub effects: Vec<Effect>,
    /// The cursor of the newest event written; 0 when none was.
    pub cursor: i64,
    /// Deliveries that it withdraws: withheld until their end is known.
    withheld: Vec<Withheld>,
}

impl EngineJob {
    /// Makes a job.
    pub fn new(shared: &Arc<Shared>, work: Work) -> Self {
        Self {
            shared: Arc::clone(shared),
            work,
            outcome: None,
            json: None,
            effects: Vec::new(),
            cursor: 0,
            withheld: Vec::new(),
        }
    }

    /// Told on the writer's thread, right after the commit: from now on what it delivers may be on its way. What it has
    /// withdrawn is released when its end is told.
    pub fn committed(&self, shared: &Shared) {
        for effect in &self.effects {
            if let Effect::Delivery { to, lane, seq, .. } = effect {
                shared.presence.announce(*to, *lane, *seq);
            }
        }
    }

    /// Refuses work that was never done.
    pub fn refuse(mut self, refusal: Refusal) {
        if let Some(reply) = self.take_reply() {
            reply.refuse(refusal);
        }
    }

    /// Answers whoever waits for it. Answers for links go into `out`.
    pub fn answer(mut self, shared: &Shared, out: &mut HandOver) {
        if let Work::Kv(job) = self.work {
            return job.answer();
        }
        if let Work::Purge(job) = self.work {
            return job.answer();
        }
        let Some(outcome) = self.outcome.take() else { return };
        if let Some(name) = self.command_name() {
            shared.metrics.command(name, &outcome);
        }
        let json = self.json.take();
        if let Some(reply) = self.take_reply() {
            reply.answer(outcome, json, Some(out));
        }
    }

    fn command_name(&self) -> Option<&'static str> {
        match &self.work {
            Work::Command(request) => Some(request.command.name()),
            Work::Record(incident) => incident.answer.as_ref().map(|(request, _)| request.command.name()),
            _ => None,
        }
    }

    fn take_reply(&mut self) -> Option<ReplyTo> {
        match &mut self.work {
            Work::Command(request) => Some(std::mem::replace(&mut request.reply, ReplyTo::nobody(&self.shared))),
            Work::Record(incident) => {
                let (request, _) = incident.answer.as_mut()?;
                Some(std::mem::replace(&mut request.reply, ReplyTo::nobody(&self.shared)))
            }
            Work::Issue { reply, .. } | Work::OpenMesh { reply, .. } => {
                Some(std::mem::replace(reply, ReplyTo::nobody(&self.shared)))
            }
            Work::LinkLost { .. }
            | Work::Expire { .. }
            | Work::Fire
            | Work::Rezone
            | Work::RuntimeLost { .. }
            | Work::GiveUp { .. }
            | Work::Adopt { .. }
            | Work::Purge(_)
            | Work::Kv(_) => None,
        }
    }

    fn reset(&mut self) {
        self.outcome = None;
        self.json = None;
        self.effects.clear();
        self.cursor = 0;
    }
}

impl Job for EngineJob {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.reset();
        let shared = Arc::clone(&self.shared);
        if let Work::Kv(job) = &mut self.work {
            return job.run(tx);
        }
        let mut decision = Decision::new(&shared, tx, &mut self.withheld);
        match &mut self.work {
            Work::Command(request) => {
                let (outcome, json) = run_command(&mut decision, request)?;
                if is_planted_bug() {
                    let reply = std::mem::replace(&mut request.reply, ReplyTo::nobody(&shared));
                    reply.answer(outcome.clone(), json.clone(), None);
                }
                let (effects, cursor) = decision.finish();
                (self.outcome, self.json, self.effects, self.cursor) = (Some(outcome), json, effects, cursor);
            }
            Work::LinkLost { link, session, reason } => {
                decision.link_lost(*link, *session, reason)?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::Expire { session } => {
                decision.expire(*session)?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::Fire => {
                decision.fire()?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::Rezone => {
                decision.rezone()?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::Issue { principals, .. } => {
                for (principal, secret) in principals {
                    decision.issue(principal, secret, None)?;
                }
                (self.effects, self.cursor) = decision.finish();
                self.outcome = Some(Ok(Reply::Done(Done {})));
            }
            Work::Kv(_) => {}
            Work::Purge(job) => {
                job.run(&mut decision)?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::OpenMesh { session, .. } => {
                decision.open_mesh(*session)?;
                (self.effects, self.cursor) = decision.finish();
                self.outcome = Some(Ok(Reply::Done(Done {})));
            }
            Work::Adopt { principal } => {
                decision.adopt(principal)?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::Record(incident) => {
                decision.record(incident.body.clone())?;
                (self.effects, self.cursor) = decision.finish();
                self.outcome = incident.answer.as_ref().map(|(_, reply)| Ok(reply.clone()));
            }
            Work::RuntimeLost { session, pid } => {
                decision.runtime_lost(*session, *pid)?;
                (self.effects, self.cursor) = decision.finish();
            }
            Work::GiveUp { session, lane, seq, reason } => {
                decision.give_up(*session, *lane, *seq, reason)?;
                (self.effects, self.cursor) = decision.finish();
            }
        }
        Ok(())
    }

    fn scrubs(&self) -> bool {
        matches!(&self.work, Work::Purge(job) if job.scrubs())
    }

    fn rolled_back(&mut self) {
        self.shared.leases.roll_back();
        for (session, lane, seq) in self.withheld.drain(..) {
            self.shared.presence.release(session, lane, seq);
        }
    }

    fn failed(&mut self, error: JobError) {
        self.reset();
        if let Work::Kv(job) = &mut self.work {
            return job.failed(&self.shared, &error);
        }
        if let Work::Purge(job) = &mut self.work {
            return job.failed(&self.shared, error);
        }
        if let Work::Record(incident) = &self.work {
            // It was done, whether it could be written down or not.
            self.shared.fault(format_args!("`{}` is not on the timeline: {error}", incident.body.kind()));
            self.outcome = incident.answer.as_ref().map(|(_, reply)| Ok(reply.clone()));
            return;
        }
        if matches!(self.work, Work::Fire) && !matches!(error, JobError::Store(StoreError::Full)) {
            self.shared.fault(format_args!("schedules could not be fired: {error}"));
            fire::failed(&self.shared);
            return;
        }
        if let Work::Adopt { principal } = &self.work {
            self.shared.plugin_principals.forget(principal);
            credential::disown(&self.shared, principal.id, "its principal could not be stored");
        }
        let failure = match error {
            JobError::Store(StoreError::Full) => Failure::Refusal(
                Refusal::new(Code::StorageFull, "the disk is full; nothing was stored").retry_after(10_000),
            ),
            other => Failure::Fault(self.shared.fault(other)),
        };
        self.outcome = Some(Err(failure));
    }
}

type Answer = (Outcome, Option<String>);

fn run_command(decision: &mut Decision<'_, '_>, request: &Request) -> Result<Answer, StoreError> {
    let key = request.key.as_deref().filter(|_| keeps_outcome(&request.command));
    let hash = match key {
        Some(key) => {
            let command = serde_json::to_vec(&request.command)
                .map_err(|error| StoreError::Damaged { table: "input", what: error.to_string() })?;
            let hash = *blake3::hash(&command).as_bytes();
            if let Some(earlier) = decision.tx.remembered(request.principal.id, key)? {
                return Ok(repeated(key, &hash, &earlier.hash, earlier.outcome));
            }
            hash
        }
        None => [0; 32],
    };
    let outcome: Outcome = match decision.command(request) {
        Ok(reply) => Ok(reply),
        Err(Stop::Refused(refusal)) => {
            debug_assert!(decision.is_untouched(), "a refusal comes before the first write");
            Err(Failure::Refusal(*refusal))
        }
        Err(Stop::Braked { refusal, session, event }) => {
            debug_assert!(decision.is_untouched(), "a refusal comes before the first write");
            if let Some(event) = event {
                decision.event(session, *event)?;
            }
            Err(Failure::Refusal(*refusal))
        }
        Err(Stop::Store(error)) => return Err(error),
    };
    // Only what is kept under a key is written here: this thread bounds the daemon's throughput.
    let Some(key) = key.filter(|_| outcome.is_ok()) else { return Ok((outcome, None)) };
    let json = serde_json::to_string(&OutcomeJson::from(outcome.clone()))
        .map_err(|error| StoreError::Damaged { table: "output", what: error.to_string() })?;
    decision.tx.remember(request.principal.id, key, &hash, &json, decision.now)?;
    Ok((outcome, Some(json)))
}

/// A secret is never stored; attaching and receipts are repeatable by themselves.
fn keeps_outcome(command: &Command) -> bool {
    !matches!(command, Command::TokenCreate(_) | Command::PeerAttach(_) | Command::PeerDetach(_) | Command::Receipt(_))
}

fn repeated(key: &str, hash: &[u8; 32], earlier: &[u8], outcome: String) -> Answer {
    if earlier != hash {
        let shown: String = key.chars().take(64).collect();
        let message = format!("the idempotency key `{shown}` was used for another command");
        return (Err(Refusal::new(Code::IdempotencyConflict, message).at("key").into()), None);
    }
    match serde_json::from_str::<OutcomeJson>(&outcome) {
        Ok(stored) => (stored.into(), Some(outcome)),
        Err(error) => {
            let message = format!("the stored outcome cannot be read back: {error}");
            (Err(Refusal::new(Code::IdempotencyConflict, message).at("key").into()), None)
        }
    }
}

/// Answers before the commit, so that the crash tests can show that they would notice. Only in a test build.
fn is_planted_bug() -> bool {
    fail::fail_point!("planted.answer_before_commit", |_| true);
    false
}
