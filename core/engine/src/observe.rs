//! What the actors hold at this moment: for people who wonder, and for tests that wait for a state.

use std::sync::atomic::Ordering;

use actix::Message;
use serde::Serialize;
use tieline_model::{SessionId, TimestampMs, reply::PeerView};

use tieline_store::Writer;

use crate::{Door, Links, job::EngineJob, scheduler::Scheduler, supervise::Kept};

/// Everything soft, as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct Snapshot {
    /// Cursor of the newest event that live readers were told of.
    pub cursor: i64,
    /// Open links.
    pub links: usize,
    /// Attached peers with what is in flight to them.
    pub peers: Vec<PeerView>,
    /// Session actors that run.
    pub sessions: Vec<SessionId>,
    /// What the router holds; absent while it is being started again.
    pub router: Option<RouterState>,
    /// What the scheduler holds; absent when it does not answer.
    pub scheduler: Option<SchedulerState>,
    /// What the writer has done.
    pub writer: WriterState,
    /// Whether the daemon is shutting down.
    pub is_draining: bool,
}

/// The router's own state.
#[derive(Debug, Clone, Serialize)]
pub struct RouterState {
    /// Sessions with a peer actor, and the epoch that it serves.
    pub peers: Vec<(SessionId, u64)>,
}

/// The scheduler's own state.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SchedulerState {
    /// Sessions for which something runs out.
    pub waiting: usize,
    /// When the first of them does.
    pub next: Option<TimestampMs>,
}

/// What the writer has done since it started.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WriterState {
    /// Transactions committed.
    pub commits: u64,
    /// Jobs committed.
    pub jobs: u64,
    /// Transactions rolled back.
    pub rollbacks: u64,
}

/// Asks the router for its state.
#[derive(Debug, Message)]
#[rtype(result = "RouterStateReply")]
pub(crate) struct ObserveRouter;

/// Asks the scheduler for its state.
#[derive(Debug, Message)]
#[rtype(result = "SchedulerStateReply")]
pub(crate) struct ObserveScheduler;

/// The router's answer.
#[derive(Debug, actix::MessageResponse)]
pub(crate) struct RouterStateReply(pub RouterState);

/// The scheduler's answer.
#[derive(Debug, actix::MessageResponse)]
pub(crate) struct SchedulerStateReply(pub SchedulerState);

/// Reads what every actor holds. Clones read the same engine.
#[derive(Debug, Clone)]
pub struct Observer {
    door: Door,
    links: Links,
    scheduler: Kept<Scheduler>,
    writer: Writer<EngineJob>,
}

impl Observer {
    pub(crate) fn new(door: &Door, links: &Links, scheduler: &Kept<Scheduler>, writer: &Writer<EngineJob>) -> Self {
        Self { door: door.clone(), links: links.clone(), scheduler: scheduler.clone(), writer: writer.clone() }
    }

    /// Reads it now.
    pub async fn snapshot(&self) -> Snapshot {
        let shared = self.door.shared();
        let stats = self.writer.stats();
        let router = match self.links.router() {
            Some(router) => router.send(ObserveRouter).await.ok().map(|reply| reply.0),
            None => None,
        };
        let scheduler = match self.scheduler.addr() {
            Some(scheduler) => scheduler.send(ObserveScheduler).await.ok().map(|reply| reply.0),
            None => None,
        };
        let peers = shared.presence.all();
        Snapshot {
            cursor: *shared.feed.borrow(),
            links: shared.presence.counts().0,
            peers: peers.iter().map(|peer| peer.view(shared.title(peer.session))).collect(),
            sessions: self.door.running_sessions(),
            router,
            scheduler,
            writer: WriterState {
                commits: stats.commits.load(Ordering::Relaxed),
                jobs: stats.jobs.load(Ordering::Relaxed),
                rollbacks: stats.rollbacks.load(Ordering::Relaxed),
            },
            is_draining: shared.is_draining(),
        }
    }
}
