//! The transport router: after each commit it makes the soft state true, answers, and wakes the peers.
//!
//! Everything that leaves the daemon passes here, and only after it is durable.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use actix::prelude::*;
use tieline_model::{LinkId, SessionId, TimestampMs, message::PerLane};

use crate::{
    credential,
    door::Door,
    effect::Effect,
    job::{EngineJob, Work},
    observe::{ObserveRouter, RouterState, RouterStateReply},
    peer::{Peer, PeerOp, PeerOps, link_down},
    presence::Attachment,
    request::Batch,
    scheduler::{Due, Dues, Scheduler},
    shared::Shared,
    supervise::{Kept, Restarts, Verdict, life},
};

/// The close code of a link whose session was taken over (`docs/protocol/websocket.md`).
const FENCED: u16 = 4409;

/// Jobs of one transaction, durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Committed(pub Vec<EngineJob>);

/// Something may have changed for a session's peer: more credit.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Wake(pub SessionId);

/// A transport has room again, or is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Transport {
    /// Which one.
    pub name: Arc<str>,
}

/// The actor.
pub struct Router {
    shared: Arc<Shared>,
    door: Door,
    scheduler: Kept<Scheduler>,
    peers: HashMap<SessionId, (u64, Addr<Peer>)>,
    /// How often each session's peer has died.
    deaths: HashMap<SessionId, Restarts>,
    /// How far each session's inbox was handed over by this process: a later link is told what it may have missed.
    handed: HashMap<SessionId, PerLane<u64>>,
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(64);
        // After a restart of this actor the attachments are still there and their peers are not.
        for attachment in self.shared.presence.all() {
            self.start_peer(&attachment, None, ctx);
        }
    }
}

impl Router {
    /// Makes the actor.
    pub fn new(shared: &Arc<Shared>, door: &Door, scheduler: Kept<Scheduler>) -> Self {
        Self {
            shared: Arc::clone(shared),
            door: door.clone(),
            scheduler,
            peers: HashMap::new(),
            deaths: HashMap::new(),
            handed: HashMap::new(),
        }
    }

    fn start_peer(&mut self, attachment: &Attachment, maybe_sent: Option<PerLane<u64>>, ctx: &mut Context<Self>) {
        let maybe_sent = maybe_sent.unwrap_or_else(|| PerLane::from_fn(|_| u64::MAX));
        let (alive, death) = life();
        let Some(peer) = Peer::new(&self.shared, &self.door, attachment, maybe_sent, alive) else { return };
        let (session, epoch) = (attachment.session, attachment.epoch);
        self.peers.insert(session, (epoch, peer.start()));
        ctx.spawn(death.into_actor(self).map(move |_, router, ctx| router.peer_died(session, epoch, ctx)));
    }

    /// A peer that is still wanted is started again; whatever it had sent is due again when no receipt comes.
    fn peer_died(&mut self, session: SessionId, epoch: u64, ctx: &mut Context<Self>) {
        if self.peers.get(&session).is_none_or(|(of, _)| *of != epoch) {
            return;
        }
        self.peers.remove(&session);
        let writer = self.shared.presence.writer(session).filter(|writer| writer.epoch == epoch);
        if writer.and_then(|writer| writer.link).is_none_or(|link| self.shared.presence.link(link).is_none()) {
            // It stopped by itself: its link is gone.
            return;
        }
        self.shared.fault(format_args!("the peer of {session} died"));
        match self.deaths.entry(session).or_default().died(self.shared.clock.now()) {
            Verdict::Tripped => drop(self.shared.fault(format_args!("the peer of {session} keeps dying"))),
            Verdict::After(ms) => {
                ctx.run_later(std::time::Duration::from_millis(ms), move |router, ctx| {
                    let writer = router.shared.presence.writer(session).filter(|writer| writer.epoch == epoch);
                    if let Some(writer) = writer.filter(|_| !router.peers.contains_key(&session)) {
                        router.start_peer(&writer, None, ctx);
                    }
                });
            }
        }
    }

    fn stop_peer(&mut self, session: SessionId, epoch: u64) {
        if self.peers.get(&session).is_some_and(|(of, _)| *of == epoch) {
            self.peers.remove(&session);
        }
    }

    fn apply(&mut self, effect: Effect, batch: &mut Batch, round: &mut Round) {
        match effect {
            Effect::Directory(entry) => {
                self.shared.directory.write().unwrap_or_else(PoisonError::into_inner).insert(entry);
            }
            Effect::Token { id, hash, principal, expires_at } => {
                self.shared.tokens.insert(id, hash, principal, expires_at);
                credential::ends_at(&self.shared, id, expires_at);
            }
            Effect::Revoked { id } => credential::end(&self.shared, id, "the token was revoked"),
            Effect::Fenced { session, link, epoch, reason } => {
                self.note_handed(session);
                self.shared.presence.detach(session, epoch);
                self.stop_peer(session, epoch);
                if let Some(entry) = link.and_then(|link| self.shared.presence.link(link)) {
                    batch.push(&entry.transport, link_down(entry.id, FENCED, reason));
                }
            }
            Effect::Detached { session, epoch } => {
                self.note_handed(session);
                self.shared.presence.detach(session, epoch);
                self.stop_peer(session, epoch);
            }
            Effect::Attached { attachment, heads, had_writer } => {
                let known = self.handed.get(&attachment.session).copied();
                // What waited when this process started may have been on a link of the one before.
                let unknown = if had_writer { heads } else { PerLane::default() };
                if self.shared.presence.attach(attachment.clone()) {
                    round.attached.push((attachment, known.unwrap_or(unknown)));
                } else if let Some(link) = attachment.link {
                    // It went while its attach was on the disk.
                    let session = attachment.session;
                    self.door.submit(Work::LinkLost { link, session, reason: "the link was lost" });
                }
            }
            Effect::Delivery { to, lane, seq, body } => round.tell(to, PeerOp::Offer { lane, seq, body }),
            Effect::Skip { session, lane, seq, state } => round.tell(session, PeerOp::Skip { lane, seq, state }),
            Effect::Settled { session, lane, through } => round.tell(session, PeerOp::Settled { lane, through }),
            Effect::Progress { to, frame } => round.tell(to, PeerOp::Progress(frame)),
            Effect::Expires { session, at } => round.expires(session, at),
        }
    }

    fn note_handed(&mut self, session: SessionId) {
        let Some(window) = self.shared.presence.writer(session).and_then(|writer| writer.window) else { return };
        let window = window.lock().unwrap_or_else(PoisonError::into_inner);
        self.handed.insert(session, PerLane::from_fn(|lane| window.last_sent(lane)));
    }

    fn tell(&mut self, session: SessionId, ops: Vec<PeerOp>) {
        let Some((_, peer)) = self.peers.get(&session) else { return };
        let returned = match peer.try_send(PeerOps(ops)) {
            Ok(()) => return,
            Err(SendError::Full(ops) | SendError::Closed(ops)) => ops,
        };
        // Too slow to be told each: what it must not miss goes into its window, the rest it reads from the store.
        let Some(window) = self.shared.presence.writer(session).and_then(|writer| writer.window) else { return };
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        for op in returned.0 {
            match op {
                PeerOp::Offer { lane, seq, .. } | PeerOp::Skip { lane, seq, .. } => window.raise(lane, seq),
                PeerOp::Settled { lane, through } => window.settle(lane, through),
                PeerOp::Progress(_) | PeerOp::Wake => {}
            }
        }
    }
}

/// What one batch of jobs leaves to be done after its answers are out.
#[derive(Default)]
struct Round {
    attached: Vec<(Attachment, PerLane<u64>)>,
    ops: Vec<(SessionId, Vec<PeerOp>)>,
    places: HashMap<SessionId, usize>,
    /// When the first of each session's messages expires.
    dues: HashMap<SessionId, TimestampMs>,
}

impl Round {
    fn tell(&mut self, session: SessionId, op: PeerOp) {
        let place = *self.places.entry(session).or_insert_with(|| {
            self.ops.push((session, Vec::new()));
            self.ops.len() - 1
        });
        self.ops[place].1.push(op);
    }

    fn expires(&mut self, session: SessionId, at: TimestampMs) {
        self.dues.entry(session).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
}

impl Handler<Committed> for Router {
    type Result = ();

    fn handle(&mut self, Committed(jobs): Committed, ctx: &mut Self::Context) {
        fail::fail_point!("router.before_reply");
        let mut batch = Batch::default();
        let mut round = Round::default();
        let mut cursor = 0;
        for mut job in jobs {
            cursor = cursor.max(job.cursor);
            for effect in std::mem::take(&mut job.effects) {
                self.apply(effect, &mut batch, &mut round);
            }
            job.answer(&self.shared, &mut batch);
        }
        if cursor > 0 {
            self.shared.feed.send_if_modified(|newest| {
                let is_newer = cursor > *newest;
                *newest = cursor.max(*newest);
                is_newer
            });
        }
        batch.send(&self.shared);
        fail::fail_point!("router.after_reply");
        // A peer starts after its welcome went out; what was committed since is in the store and in its window.
        for (attachment, maybe_sent) in round.attached {
            self.start_peer(&attachment, Some(maybe_sent), ctx);
        }
        for (session, ops) in round.ops {
            self.tell(session, ops);
        }
        let dues: Vec<Due> = round.dues.into_iter().map(|(session, at)| Due { session, at }).collect();
        if dues.is_empty() {
            return;
        }
        // A scheduler that is being started again looks for itself.
        if let Some(Err(SendError::Full(_))) = self.scheduler.addr().map(|scheduler| scheduler.try_send(Dues(dues))) {
            tracing::warn!("the scheduler is behind; expiries come late");
        }
    }
}

impl Handler<Wake> for Router {
    type Result = ();

    fn handle(&mut self, Wake(session): Wake, _: &mut Self::Context) {
        self.tell(session, vec![PeerOp::Wake]);
    }
}

impl Handler<Transport> for Router {
    type Result = ();

    fn handle(&mut self, transport: Transport, _: &mut Self::Context) {
        for attachment in self.shared.presence.all() {
            if attachment.transport.as_deref() == Some(&*transport.name) {
                self.tell(attachment.session, vec![PeerOp::Wake]);
            }
        }
    }
}

impl Handler<ObserveRouter> for Router {
    type Result = RouterStateReply;

    fn handle(&mut self, _: ObserveRouter, _: &mut Self::Context) -> RouterStateReply {
        let mut peers: Vec<_> = self.peers.iter().map(|(session, (epoch, _))| (*session, *epoch)).collect();
        peers.sort_unstable();
        RouterStateReply(RouterState { peers })
    }
}

/// Tells whether a link is the writer of its session: only then do its receipts count.
pub fn is_writer(shared: &Shared, link: LinkId) -> Option<Attachment> {
    let session = shared.presence.session_of(link)?;
    shared.presence.writer(session).filter(|writer| writer.link == Some(link))
}
