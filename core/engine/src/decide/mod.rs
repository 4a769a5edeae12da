//! What each command does: reads in the writer's transaction, asks the pure machines of `model`, writes.
//!
//! Every refusal comes before the first write, because a refused command is committed with the others.

mod asks;
mod brake;
mod collide;
mod escalate;
mod files;
pub(crate) mod fire;
mod give;
mod hand_out;
mod imports;
mod inbox;
mod job_moves;
mod job_work;
mod jobs;
mod lifecycle;
mod memory;
mod notice;
mod peers;
mod record;
mod remind;
mod report;
mod schedule_create;
mod schedules;
mod send;
mod sessions;
mod spawn;
mod tokens;
mod transcripts;
mod wake;
mod watch;

pub(crate) use asks::unknown_message;
pub(crate) use jobs::unknown_job;
pub(crate) use schedules::unknown_schedule;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use tieline_model::{
    Address, Command, EventBody, Lane, Principal, PrincipalId, Refusal, Reply, SessionId, TimestampMs, outcome::Code,
};
use tieline_store::{StoreError, Tx};

use crate::{effect::Effect, request::Request, shared::Shared};

/// Why a decision ended early.
#[derive(Debug)]
pub enum Stop {
    /// The caller can fix it; nothing was written.
    Refused(Box<Refusal>),
    /// A brake holds; that is written down on the timeline of the session that spoke, unless it was just now.
    Braked {
        /// What the caller is told.
        refusal: Box<Refusal>,
        /// The session that spoke.
        session: SessionId,
        /// What is written down.
        event: Option<Box<EventBody>>,
    },
    /// The store failed; the transaction is rolled back.
    Store(StoreError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(Box::new(refusal))
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Store(error)
    }
}

/// A delivery that is kept from going out while it is being withdrawn.
pub type Withheld = (SessionId, Lane, u64);

/// One decision in the making.
pub struct Decision<'a, 'tx> {
    shared: &'a Arc<Shared>,
    /// The transaction.
    pub tx: &'a mut Tx<'tx>,
    /// The instant of the decision.
    pub now: TimestampMs,
    effects: Vec<Effect>,
    cursor: i64,
    withheld: &'a mut Vec<Withheld>,
    /// The session whose program reports just now: it needs no waking.
    reporting: Option<SessionId>,
    /// On whose behalf schedules were fired already.
    vouched: HashMap<PrincipalId, give::Vouched>,
}

impl<'a, 'tx> Decision<'a, 'tx> {
    /// Starts one. What it withholds from links is noted in `withheld`, for the case that it is rolled back.
    pub fn new(shared: &'a Arc<Shared>, tx: &'a mut Tx<'tx>, withheld: &'a mut Vec<Withheld>) -> Self {
        Self {
            now: shared.clock.now(),
            shared,
            tx,
            effects: Vec::new(),
            cursor: 0,
            withheld,
            reporting: None,
            vouched: HashMap::new(),
        }
    }

    /// Returns what the router has to do, and the newest event's cursor.
    pub fn finish(self) -> (Vec<Effect>, i64) {
        (self.effects, self.cursor)
    }

    /// Tells whether nothing was written yet.
    pub fn is_untouched(&self) -> bool {
        self.effects.is_empty() && self.cursor == 0
    }

    /// Decides a command that writes.
    pub fn command(&mut self, request: &Request) -> Result<Reply, Stop> {
        match &request.command {
            Command::SessionOpen(open) => self.session_open(request, open),
            Command::SessionClose(close) => self.session_close(request, close),
            Command::SessionRename(rename) => self.session_rename(request, rename),
            Command::SessionDescribe(describe) => self.session_describe(request, describe),
            Command::SessionLabel(label) => self.session_label(request, label),
            Command::SessionPin(pin) => self.session_pin(request, pin),
            Command::SessionMove(move_to) => self.session_move(request, move_to),
            Command::SessionHandOver(over) => self.session_hand_over(request, over),
            Command::SessionArchive(archive) => self.session_archive(request, archive),
            Command::SessionRestore(restore) => self.session_restore(request, restore),
            Command::SessionBudget(budget) => self.session_budget(request, budget),
            Command::SessionFork(fork) => self.session_fork(request, fork),
            Command::SessionImport(import) => self.session_import(request, import),
            Command::SessionMerge(merge) => self.session_merge(request, merge),
            Command::PeerAttach(attach) => self.peer_attach(request, attach),
            Command::PeerDetach(detach) => self.peer_detach(request, detach),
            Command::Ask(ask) => self.ask(request, ask),
            Command::AskMany(ask) => self.ask_many(request, ask),
            Command::Ack(ack) => self.ack(request, ack),
            Command::Notify(notify) => self.notify(request, notify),
            Command::Broadcast(broadcast) => self.broadcast(request, broadcast),
            Command::Cancel(cancel) => self.cancel(request, cancel),
            Command::Receipt(receipt) => self.receipt(request, receipt),
            Command::TranscriptRecord(taken) => self.transcript_record(request, taken),
            Command::Record(record) => self.record_activities(request, record),
            Command::ScheduleCreate(create) => self.schedule_create(request, create),
            Command::SchedulePause(pause) => self.schedule_pause(request, pause),
            Command::ScheduleResume(resume) => self.schedule_resume(request, resume),
            Command::ScheduleRun(run) => self.schedule_run(request, run),
            Command::ScheduleCancel(cancel) => self.schedule_cancel(request, cancel),
            Command::JobCreate(create) => self.job_create(request, create),
            Command::JobTake(take) => self.job_take(request, take),
            Command::JobRenew(renew) => self.job_renew(request, renew),
            Command::JobFinish(finish) => self.job_finish(request, finish),
            Command::JobCancel(cancel) => self.job_cancel(request, cancel),
            Command::JobRetry(retry) => self.job_retry(request, retry),
            Command::MemorySnapshot(snapshot) => self.memory_snapshot(request, snapshot),
            Command::MemoryPropose(propose) => self.memory_propose(request, propose),
            Command::MemoryDecide(decide) => self.memory_decide(request, decide),
            Command::Report(report) => self.report(request, report),
            Command::Spawn(spawn) => self.spawn(request, spawn),
            Command::SpawnKill(kill) => self.spawn_kill(request, kill),
            Command::SpawnRestart(restart) => self.spawn_restart(request, restart),
            Command::IdleWatch(watch) => self.idle_watch(request, watch),
            Command::FileLease(lease) => self.file_lease(request, lease),
            Command::FileRelease(release) => self.file_release(request, release),
            Command::TokenCreate(create) => self.token_create(request, create),
            Command::TokenRevoke(revoke) => self.token_revoke(request, revoke),
            Command::SessionList(_)
            | Command::SessionGet(_)
            | Command::Why(_)
            | Command::PeerList(_)
            | Command::Inbox(_)
            | Command::Trace(_)
            | Command::Thread(_)
            | Command::TranscriptList(_)
            | Command::NeedsYou(_)
            | Command::Timeline(_)
            | Command::ScheduleList(_)
            | Command::ScheduleGet(_)
            | Command::ScheduleHistory(_)
            | Command::Search(_)
            | Command::Recall(_)
            | Command::JobList(_)
            | Command::JobGet(_)
            | Command::MemoryShow(_)
            | Command::MemoryDiff(_)
            | Command::MemoryLog(_)
            | Command::RuntimeFind(_)
            | Command::FileLeases(_)
            | Command::Whoami(_)
            | Command::TokenList(_)
            | Command::PluginList(_)
            | Command::PluginInfo(_)
            | Command::PluginLogs(_) => {
                Err(StoreError::Damaged { table: "commands", what: "a read reached the writer".into() }.into())
            }
            Command::SessionPurge(_)
            | Command::PluginEnable(_)
            | Command::PluginDisable(_)
            | Command::PluginReload(_)
            | Command::PluginTrust(_) => {
                Err(StoreError::Damaged { table: "commands", what: "an operation reached the writer".into() }.into())
            }
        }
    }

    /// Returns the daemon's own session.
    pub(crate) fn mesh(&self) -> Option<SessionId> {
        self.shared.mesh()
    }

    /// Appends a fact to a session's timeline.
    pub(crate) fn event(&mut self, session: SessionId, body: EventBody) -> Result<(), StoreError> {
        let is_left = matches!(
            body,
            EventBody::PeerDetached { .. } | EventBody::RuntimeStarted(_) | EventBody::RuntimeEnded { .. }
        );
        if is_left {
            self.break_off(session)?;
        }
        let event = self.tx.append_event(session, self.now, body)?;
        self.cursor = event.cursor;
        // Activities come many at a time and are folded together; nothing else changes a progress often.
        if is_left && let Some(mut progress) = self.tx.agent_progress(session)? {
            progress.fold(event.seq, event.at_ms, &event.body);
            self.tx.set_agent_progress(session, &progress)?;
        }
        Ok(())
    }

    /// Keeps a delivery from going out, so that it can be withdrawn; false when it may be on its way already.
    fn withhold(&mut self, session: SessionId, lane: Lane, seq: u64) -> Result<bool, StoreError> {
        if self.is_handed(session, lane, seq)? {
            return Ok(false);
        }
        let is_held = self.shared.presence.withhold(session, lane, seq);
        if is_held {
            self.withheld.push((session, lane, seq));
        }
        Ok(is_held)
    }

    /// Finds the open session that an address means to the caller.
    fn resolve(&mut self, address: &Address, caller: &Principal, field: &str) -> Result<SessionId, Stop> {
        let session = self.shared.directory(|d| d.resolve(address, caller, field).map(|entry| entry.id))?;
        // The directory follows the commits; a session that was closed just now is still open there.
        if self.is_open(session)? {
            return Ok(session);
        }
        let message = format!("the session `{address}` is closed; messages go to open sessions");
        Err(Refusal::new(Code::SessionClosed, message).at(field).into())
    }

    fn is_open(&mut self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.tx.head(session)?.is_some_and(|head| head.is_open))
    }

    /// Finds the session that an address means to the caller, also a closed one.
    fn find(&self, address: &Address, caller: &Principal, field: &str) -> Result<SessionId, Stop> {
        let directory = self.shared.directory.read().unwrap_or_else(PoisonError::into_inner);
        Ok(directory.find(address, caller, field)?.id)
    }

    /// Tells whether a session is the caller's: its home, or one that it opened.
    fn is_own(&mut self, session: SessionId, caller: &Principal) -> Result<bool, StoreError> {
        if session == caller.home {
            return Ok(true);
        }
        Ok(self.tx.head(session)?.is_some_and(|head| head.owner == caller.id))
    }

    /// Finds the session that the caller speaks as: the one it names, the one its link is attached to, or its home.
    fn acting(&mut self, request: &Request, named: Option<&Address>, field: &str) -> Result<SessionId, Stop> {
        let caller = &request.principal;
        let session = match named {
            Some(address) => {
                let session = self.resolve(address, caller, field)?;
                if !self.is_own(session, caller)? {
                    return Err(not_yours(address, caller, field).into());
                }
                session
            }
            None => self.shared.usual(request),
        };
        match self.tx.head(session)? {
            Some(head) if head.is_open => Ok(session),
            _ => {
                let message = "the session that you speak as is closed; name an open one with `as`";
                Err(Refusal::new(Code::SessionClosed, message).at(field).into())
            }
        }
    }

    /// Checks how long something is to live, in milliseconds.
    fn lifetime(&self, asked: Option<u64>, usual: u64, field: &str) -> Result<u64, Stop> {
        let longest = self.shared.config.limits.max_ttl_ms;
        match asked {
            None => Ok(usual.min(longest)),
            Some(ms) if (1..=longest).contains(&ms) => Ok(ms),
            Some(ms) => {
                let message = format!("{ms} milliseconds; wanted 1 to {longest}");
                Err(Refusal::new(Code::BadInput, message).at(field).into())
            }
        }
    }
}

fn not_yours(address: &Address, caller: &Principal, field: &str) -> Refusal {
    let message = format!("the session `{address}` is not one of `{}`", caller.name);
    Refusal::new(Code::NotYourSession, message).at(field)
}
