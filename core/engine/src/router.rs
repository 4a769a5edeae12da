//! The transport router: after each commit it makes the soft state true, answers, and wakes the peers.
//!
//! Everything that leaves the daemon passes here, and only after it is durable.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use actix::prelude::*;
use tieline_model::{LinkId, SessionId, TimestampMs, message::PerLane};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{
    credential,
    door::Door,
    effect::Effect,
    hand_over::{HandOver, link_down},
    job::{EngineJob, Work},
    line::{self, Line, LineOp, SharedLine},
    observe::{ObserveRouter, RouterState, RouterStateReply},
    peer::{Look, Peer},
    presence::Attachment,
    scheduler::{Due, Dues, Scheduler},
    shared::Shared,
    supervise::{Alive, Kept, Restarts, Verdict},
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

/// A peer's actor, by what it serves.
#[derive(Debug, Clone, Copy)]
pub struct Mortal {
    session: SessionId,
    epoch: u64,
}

/// The actor.
pub struct Router {
    shared: Arc<Shared>,
    door: Door,
    scheduler: Kept<Scheduler>,
    peers: HashMap<SessionId, Attached>,
    /// Where each peer's end is told; one stream, because the context looks at all that it waits for whenever it wakes.
    mortals: mpsc::UnboundedSender<Mortal>,
    died: Option<mpsc::UnboundedReceiver<Mortal>>,
    /// How often each session's peer has died.
    deaths: HashMap<SessionId, Restarts>,
    /// How far each session's inbox was handed over by this process: a later link is told what it may have missed.
    handed: HashMap<SessionId, PerLane<u64>>,
}

/// A writer with a link: what goes out on it, and the actor that looks after it.
struct Attached {
    line: SharedLine,
    peer: Addr<Peer>,
}

impl Attached {
    fn is_of(&self, epoch: u64) -> bool {
        self.line.borrow().epoch == epoch
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(64);
        if let Some(died) = self.died.take() {
            ctx.add_stream(UnboundedReceiverStream::new(died));
        }
        // After a restart of this actor the attachments are still there and their peers are not.
        for attachment in self.shared.presence.all() {
            self.start_peer(&attachment, None);
        }
    }
}

impl StreamHandler<Mortal> for Router {
    fn handle(&mut self, Mortal { session, epoch }: Mortal, ctx: &mut Self::Context) {
        self.peer_died(session, epoch, ctx);
    }
}

impl Router {
    /// Makes the actor.
    pub fn new(shared: &Arc<Shared>, door: &Door, scheduler: Kept<Scheduler>) -> Self {
        let (mortals, died) = mpsc::unbounded_channel();
        Self {
            shared: Arc::clone(shared),
            door: door.clone(),
            scheduler,
            peers: HashMap::new(),
            mortals,
            died: Some(died),
            deaths: HashMap::new(),
            handed: HashMap::new(),
        }
    }

    fn start_peer(&mut self, attachment: &Attachment, maybe_sent: Option<PerLane<u64>>) {
        let maybe_sent = maybe_sent.unwrap_or_else(|| PerLane::from_fn(|_| u64::MAX));
        let Some(line) = Line::new(&self.shared, attachment, maybe_sent) else { return };
        let (session, epoch) = (attachment.session, attachment.epoch);
        let alive = Alive::telling(&self.mortals, Mortal { session, epoch });
        let peer = Peer::new(&self.shared, &self.door, SharedLine::clone(&line), alive).start();
        self.peers.insert(session, Attached { line, peer });
    }

    /// A peer that is still wanted is started again; whatever it had sent is due again when no receipt comes.
    fn peer_died(&mut self, session: SessionId, epoch: u64, ctx: &mut Context<Self>) {
        if self.peers.get(&session).is_none_or(|attached| !attached.is_of(epoch)) {
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
                ctx.run_later(std::time::Duration::from_millis(ms), move |router, _| {
                    let writer = router.shared.presence.writer(session).filter(|writer| writer.epoch == epoch);
                    if let Some(writer) = writer.filter(|_| !router.peers.contains_key(&session)) {
                        router.start_peer(&writer, None);
                    }
                });
            }
        }
    }

    fn stop_peer(&mut self, session: SessionId, epoch: u64) {
        if self.peers.get(&session).is_some_and(|attached| attached.is_of(epoch)) {
            self.peers.remove(&session);
        }
    }

    fn apply(&mut self, effect: Effect, out: &mut HandOver, round: &mut Round) {
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
                    out.push(&entry.transport, link_down(entry.id, FENCED, reason));
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
            Effect::Delivery { to, lane, seq, body } => round.tell(to, LineOp::Offer { lane, seq, body }),
            Effect::Skip { session, lane, seq, state } => round.tell(session, LineOp::Skip { lane, seq, state }),
            Effect::Settled { session, lane, through } => round.tell(session, LineOp::Settled { lane, through }),
            Effect::Progress { to, frame } => round.tell(to, LineOp::Progress(frame)),
            Effect::Runtime { session, runtime } => self.shared.runtimes.note(session, &runtime),
            Effect::Schedules => self.shared.schedules.send_modify(|changes| *changes += 1),
            Effect::Expires { session, at } => round.expires(session, at),
        }
    }

    fn note_handed(&mut self, session: SessionId) {
        let Some(window) = self.shared.presence.writer(session).and_then(|writer| writer.window) else { return };
        let window = window.lock().unwrap_or_else(PoisonError::into_inner);
        self.handed.insert(session, PerLane::from_fn(|lane| window.last_sent(lane)));
    }

    /// Puts what a commit brought on the lines of its sessions. Returns the sessions whose line said something.
    fn put(&mut self, ops: Vec<(SessionId, Vec<LineOp>)>, out: &mut HandOver) -> Vec<SessionId> {
        let mut touched = Vec::with_capacity(ops.len());
        for (session, ops) in ops {
            if let Some(attached) = self.peers.get(&session) {
                out.ops(&mut attached.line.borrow_mut(), ops);
                touched.push(session);
                continue;
            }
            // Its peer is being started again, or polls: what it must not miss goes into its window.
            let Some(window) = self.shared.presence.writer(session).and_then(|writer| writer.window) else { continue };
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            ops.iter().for_each(|op| line::note(&mut window, op));
        }
        touched
    }

    /// Hands over, and has the peers look after what is left to do on their lines.
    fn send(&mut self, out: HandOver, touched: Vec<SessionId>) {
        let line_of = |link| {
            let session = self.shared.presence.session_of(link)?;
            self.peers.get(&session).map(|attached| SharedLine::clone(&attached.line))
        };
        out.send(&self.shared, line_of);
        for session in touched {
            let Some(Attached { line, peer }) = self.peers.get(&session) else { continue };
            if line.borrow().wants_a_look() {
                self.look(peer, false);
            }
        }
    }

    fn look(&self, peer: &Addr<Peer>, has_room: bool) {
        // Full: it will look anyway. Closed: the next one looks when it starts.
        let _ = peer.try_send(Look { has_room });
    }
}

/// What one batch of jobs leaves to be done after its answers are out.
#[derive(Default)]
struct Round {
    attached: Vec<(Attachment, PerLane<u64>)>,
    ops: Vec<(SessionId, Vec<LineOp>)>,
    places: HashMap<SessionId, usize>,
    /// When the first of each session's messages expires.
    dues: HashMap<SessionId, TimestampMs>,
}

impl Round {
    fn tell(&mut self, session: SessionId, op: LineOp) {
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

    fn handle(&mut self, Committed(jobs): Committed, _: &mut Self::Context) {
        fail::fail_point!("router.before_reply");
        let mut out = HandOver::default();
        let mut round = Round::default();
        let mut cursor = 0;
        for mut job in jobs {
            cursor = cursor.max(job.cursor);
            for effect in std::mem::take(&mut job.effects) {
                self.apply(effect, &mut out, &mut round);
            }
            job.answer(&self.shared, &mut out);
        }
        if cursor > 0 {
            self.shared.feed.send_if_modified(|newest| {
                let is_newer = cursor > *newest;
                *newest = cursor.max(*newest);
                is_newer
            });
        }
        // A peer starts after its welcome went out, and so does what was committed for it since.
        let is_new = |session| round.attached.iter().any(|(attachment, _)| attachment.session == session);
        let (later, now): (Vec<_>, Vec<_>) =
            std::mem::take(&mut round.ops).into_iter().partition(|(of, _)| is_new(*of));
        let touched = self.put(now, &mut out);
        self.send(out, touched);
        fail::fail_point!("router.after_reply");
        for (attachment, maybe_sent) in round.attached {
            self.start_peer(&attachment, Some(maybe_sent));
        }
        if !later.is_empty() {
            let mut out = HandOver::default();
            let touched = self.put(later, &mut out);
            self.send(out, touched);
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
        if let Some(attached) = self.peers.get(&session) {
            self.look(&attached.peer, true);
        }
    }
}

impl Handler<Transport> for Router {
    type Result = ();

    fn handle(&mut self, transport: Transport, _: &mut Self::Context) {
        for Attached { line, peer } in self.peers.values() {
            if line.borrow().transport == transport.name {
                self.look(peer, true);
            }
        }
    }
}

impl Handler<ObserveRouter> for Router {
    type Result = RouterStateReply;

    fn handle(&mut self, _: ObserveRouter, _: &mut Self::Context) -> RouterStateReply {
        let mut peers: Vec<_> =
            self.peers.iter().map(|(session, attached)| (*session, attached.line.borrow().epoch)).collect();
        peers.sort_unstable();
        RouterStateReply(RouterState { peers })
    }
}

/// Tells whether a link is the writer of its session: only then do its receipts count.
pub fn is_writer(shared: &Shared, link: LinkId) -> Option<Attachment> {
    let session = shared.presence.session_of(link)?;
    shared.presence.writer(session).filter(|writer| writer.link == Some(link))
}
