//! One actor per attached writer: carries its inbox over its link, in order, within its credit.
//!
//! What goes out next is decided by `model::session::window`. A message that was just committed and is next
//! in line goes out at once; everything else is read back from the store, so memory is bounded by the credit.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use bytes::Bytes;
use tieline_model::{
    DeliveryState, Lane, LinkId, SessionId, TimestampMs,
    delivery::is_pending,
    frame::{LinkDownFrame, ProgressFrame, SkipFrame},
    message::PerLane,
    session::window::{Due, Window},
};
use tieline_store::{DueRow, StoreError};

use crate::{
    door::Door,
    job::Work,
    port::{FrameKind, LinkMessage},
    presence::Attachment,
    shared::Shared,
    supervise::Alive,
};

/// How many batches may wait for one peer. What does not fit is read from the store later.
const MAILBOX: usize = 256;

/// What the router tells a peer, in order.
#[derive(Debug, Clone)]
pub enum PeerOp {
    /// A message came into its inbox.
    Offer {
        /// In which lane.
        lane: Lane,
        /// Its number there.
        seq: u64,
        /// The message as stored.
        body: Arc<str>,
    },
    /// A number will not be delivered.
    Skip {
        /// In which lane.
        lane: Lane,
        /// The number.
        seq: u64,
        /// What became of it.
        state: DeliveryState,
    },
    /// The receiver moved its cursor.
    Settled {
        /// In which lane.
        lane: Lane,
        /// Up to here.
        through: u64,
    },
    /// One of its session's own messages came further.
    Progress(ProgressFrame),
    /// There may be something to do: more credit, room on the link.
    Wake,
}

/// A batch of them.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeerOps(pub Vec<PeerOp>);

/// The actor.
pub struct Peer {
    shared: Arc<Shared>,
    door: Door,
    session: SessionId,
    epoch: u64,
    link: LinkId,
    transport: Arc<str>,
    window: Arc<std::sync::Mutex<Window>>,
    /// Up to here an earlier link may have had it.
    maybe_sent: PerLane<u64>,
    /// How often a number was sent again.
    repeats: HashMap<(Lane, u64), u32>,
    /// What ended while it was being read: the rows may still show it as it was before.
    ended: HashMap<(Lane, u64), DeliveryState>,
    is_reading: bool,
    is_waiting: bool,
    /// The link had no room: nothing is read for it until it has.
    is_blocked: bool,
    last_progress: TimestampMs,
    outbox: Vec<LinkMessage>,
    _alive: Alive,
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.pump(ctx);
        // A peer that was started again finds its predecessor's deliveries in flight.
        self.await_receipts(ctx);
    }
}

impl Peer {
    /// Makes the actor of a writer with a link; `None` for one that polls.
    pub fn new(
        shared: &Arc<Shared>,
        door: &Door,
        attachment: &Attachment,
        maybe_sent: PerLane<u64>,
        alive: Alive,
    ) -> Option<Self> {
        Some(Self {
            shared: Arc::clone(shared),
            door: door.clone(),
            session: attachment.session,
            epoch: attachment.epoch,
            link: attachment.link?,
            transport: attachment.transport.clone()?,
            window: attachment.window.clone()?,
            maybe_sent,
            repeats: HashMap::new(),
            ended: HashMap::new(),
            is_reading: false,
            is_waiting: false,
            is_blocked: false,
            last_progress: shared.clock.now(),
            outbox: Vec::new(),
            _alive: alive,
        })
    }

    /// Tells whether its link is still there and still writes. A peer that was fenced or lost its link says no more,
    /// however long its timers are.
    fn is_current(&self) -> bool {
        let is_writer = self.shared.presence.writer(self.session).is_some_and(|writer| writer.epoch == self.epoch);
        is_writer && self.shared.presence.link(self.link).is_some()
    }

    fn window<T>(&self, f: impl FnOnce(&mut Window) -> T) -> T {
        f(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn queue(&mut self, kind: FrameKind, payload: Vec<u8>) {
        self.outbox.push(LinkMessage { link: self.link, kind, corr: 0, payload: payload.into() });
    }

    fn queue_json<T: serde::Serialize>(&mut self, kind: FrameKind, frame: &T) {
        match serde_json::to_vec(frame) {
            Ok(payload) => self.queue(kind, payload),
            Err(error) => tracing::error!(%error, "a frame could not be written"),
        }
    }

    fn queue_delivery(&mut self, lane: Lane, seq: u64, body: &str) {
        let repeats = self.repeats.get(&(lane, seq)).copied().unwrap_or_default();
        let maybe_sent = repeats > 0 || seq <= self.maybe_sent[lane];
        let payload = delivery_frame(lane, seq, repeats + 1, maybe_sent, body);
        self.queue(FrameKind::Delivery, payload);
    }

    fn take(&mut self, op: PeerOp) {
        match op {
            PeerOp::Offer { lane, seq, body } => {
                // While older ones are being read back, a fresh one must not overtake them.
                let goes_now = if self.is_reading {
                    self.window(|window| window.raise(lane, seq));
                    false
                } else {
                    self.window(|window| window.offer(lane, seq))
                };
                if goes_now {
                    self.queue_delivery(lane, seq, &body);
                }
            }
            PeerOp::Skip { lane, seq, state } => {
                let was_sent = self.window(|window| {
                    window.raise(lane, seq);
                    seq <= window.last_sent(lane)
                });
                if was_sent {
                    self.repeats.remove(&(lane, seq));
                    self.queue_json(FrameKind::Skip, &SkipFrame { lane, seq, reason: state });
                    self.window(|window| window.skip(lane, seq));
                } else if self.is_reading {
                    self.ended.insert((lane, seq), state);
                }
            }
            PeerOp::Settled { lane, through } => {
                self.window(|window| window.settle(lane, through));
                self.repeats.retain(|(of, seq), _| *of != lane || *seq > through);
                self.last_progress = self.shared.clock.now();
            }
            PeerOp::Progress(frame) => self.queue_json(FrameKind::Progress, &frame),
            PeerOp::Wake => self.is_blocked = false,
        }
    }

    /// Hands over what is queued; takes back what the link has no room for.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.outbox.is_empty() {
            return;
        }
        fail::fail_point!("peer.before_hand_over");
        let messages = std::mem::take(&mut self.outbox);
        let count = messages.iter().filter(|message| message.kind == FrameKind::Delivery).count();
        // The window has them as sent already.
        let was_idle = self.window(|window| window.in_flight()) <= count as u64;
        let Some(port) = self.shared.port() else { return };
        let left = port.deliver(&self.transport, messages);
        fail::fail_point!("peer.after_hand_over");
        self.shared.metrics.handed_over(count.saturating_sub(left.len()));
        if !left.is_empty() && !self.is_blocked {
            self.is_blocked = true;
            // Its transport says when it has room; should that get lost on the way, this does.
            ctx.run_later(Duration::from_secs(1), |peer, ctx| {
                peer.is_blocked = false;
                peer.pump(ctx);
            });
        }
        for message in left {
            if let Some((lane, seq)) = place(&message) {
                self.window(|window| window.unsend(lane, seq));
            }
        }
        if was_idle {
            self.last_progress = self.shared.clock.now();
        }
        self.await_receipts(ctx);
    }

    /// Reads the next due numbers, if there are any and none are being read.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.is_reading || self.is_blocked {
            return;
        }
        if !self.is_current() {
            return ctx.stop();
        }
        let Some(due) = self.window(|window| window.due()) else { return };
        self.is_reading = true;
        let (readers, session) = (self.shared.readers.clone(), self.session);
        let read =
            self.shared.runtime.spawn_blocking(move || readers.take().due(session, due.lane, due.first, due.count));
        let read = async move { read.await.unwrap_or(Err(StoreError::Closed)) };
        ctx.spawn(read.into_actor(self).map(move |rows, peer, ctx| peer.hand_over(due, rows, ctx)));
    }

    fn hand_over(&mut self, due: Due, rows: Result<Vec<DueRow>, StoreError>, ctx: &mut Context<Self>) {
        self.is_reading = false;
        let ended = std::mem::take(&mut self.ended);
        if !self.is_current() {
            return ctx.stop();
        }
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                self.shared.fault(format_args!("an inbox could not be read: {error}"));
                ctx.run_later(Duration::from_secs(1), Self::pump);
                return;
            }
        };
        let mut next = due.first;
        for row in rows {
            if row.seq != next {
                break;
            }
            next += 1;
            let state = ended.get(&(due.lane, row.seq)).copied().unwrap_or(row.state);
            match row.message {
                Ok(body) if is_pending(state) || matches!(state, DeliveryState::Delivered | DeliveryState::Seen) => {
                    self.window(|window| window.sent(due.lane, row.seq));
                    self.queue_delivery(due.lane, row.seq, &body);
                }
                Ok(_) => self.skip(due.lane, row.seq, state),
                Err(_) => {
                    self.skip(due.lane, row.seq, DeliveryState::Dead);
                    let reason = "its text does not match its hash".to_owned();
                    self.door.submit(Work::GiveUp { session: self.session, lane: due.lane, seq: row.seq, reason });
                }
            }
        }
        if next == due.first {
            // The number is known and its row is not there: the next commit or wake tries again.
            self.shared.fault(format_args!("delivery {} of {} is missing", due.first, self.session));
            return;
        }
        self.flush(ctx);
        self.pump(ctx);
    }

    fn skip(&mut self, lane: Lane, seq: u64, state: DeliveryState) {
        self.window(|window| window.sent(lane, seq));
        self.queue_json(FrameKind::Skip, &SkipFrame { lane, seq, reason: state });
        self.window(|window| window.skip(lane, seq));
    }

    /// Sends again what no receipt came for, on a link that is there: a frame may have been lost in the plugin.
    fn await_receipts(&mut self, ctx: &mut Context<Self>) {
        if self.is_waiting || self.window(|window| window.in_flight()) == 0 {
            return;
        }
        self.is_waiting = true;
        let due = self.last_progress.plus_ms(self.patience());
        let sleep = self.shared.clock.sleep_until(due);
        ctx.spawn(sleep.into_actor(self).map(|(), peer, ctx| {
            peer.is_waiting = false;
            peer.send_again_if_due(ctx);
        }));
    }

    /// The ack-wait, doubled with each repeat of what waits longest.
    fn patience(&self) -> u64 {
        let delivery = &self.shared.config.delivery;
        let worst = self.repeats.values().copied().max().unwrap_or_default().min(16);
        (delivery.ack_wait_ms << worst).min(delivery.retry_max_ms.max(delivery.ack_wait_ms))
    }

    fn send_again_if_due(&mut self, ctx: &mut Context<Self>) {
        if !self.is_current() {
            return ctx.stop();
        }
        let now = self.shared.clock.now();
        if now < self.last_progress.plus_ms(self.patience()) {
            return self.await_receipts(ctx);
        }
        self.last_progress = now;
        let limit = self.shared.config.delivery.max_attempts;
        for lane in Lane::ALL {
            let Some((first, last)) = self.window(|window| window.unsettled(lane)) else { continue };
            // Older numbers were sent at least as often, so those that are given up come first.
            let mut again = first;
            for seq in first..=last {
                let repeats = self.repeats.entry((lane, seq)).or_default();
                *repeats += 1;
                if *repeats >= limit {
                    again = seq + 1;
                    let reason = format!("no receipt after {limit} attempts on a live link");
                    self.door.submit(Work::GiveUp { session: self.session, lane, seq, reason });
                }
            }
            self.window(|window| window.unsend(lane, again));
        }
        self.pump(ctx);
        self.await_receipts(ctx);
    }
}

impl Handler<PeerOps> for Peer {
    type Result = ();

    fn handle(&mut self, PeerOps(ops): PeerOps, ctx: &mut Self::Context) {
        for op in ops {
            self.take(op);
        }
        self.flush(ctx);
        self.pump(ctx);
    }
}

/// Writes a `DeliveryFrame` around a message that is JSON already.
fn delivery_frame(lane: Lane, seq: u64, attempt: u32, maybe_sent: bool, body: &str) -> Vec<u8> {
    let lane = ["ctl", "msg", "bulk"][lane.number()];
    format!(
        "{{\"lane\":\"{lane}\",\"seq\":{seq},\"attempt\":{attempt},\"maybe_sent\":{maybe_sent},\"message\":{body}}}"
    )
    .into_bytes()
}

/// Reads back which number a delivery or a skip had, when a link had no room for it.
fn place(message: &LinkMessage) -> Option<(Lane, u64)> {
    #[derive(serde::Deserialize)]
    struct Place {
        lane: Lane,
        seq: u64,
    }
    if !matches!(message.kind, FrameKind::Delivery | FrameKind::Skip) {
        return None;
    }
    let Place { lane, seq } = serde_json::from_slice(&message.payload).ok()?;
    Some((lane, seq))
}

/// A link-down frame for a link that no peer serves.
pub fn link_down(link: LinkId, code: u16, reason: &str) -> LinkMessage {
    let frame = LinkDownFrame { code, reason: reason.to_owned() };
    let payload = serde_json::to_vec(&frame).map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from);
    LinkMessage { link, kind: FrameKind::LinkDown, corr: 0, payload }
}

#[cfg(test)]
mod tests {
    use tieline_model::frame::DeliveryFrame;

    use super::*;

    #[test]
    fn a_delivery_frame_around_stored_json_reads_as_one() {
        let message = r#"{"id":"msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f","kind":"notify","from":{"session":"ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f","title":"a \"b\"","principal":"prn_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f","kind":"agent"},"text":"x","sent_at_ms":5}"#;
        let bytes = delivery_frame(Lane::Msg, 7, 2, true, message);
        let frame: DeliveryFrame = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((frame.lane, frame.seq, frame.attempt, frame.maybe_sent), (Lane::Msg, 7, 2, true));
        assert_eq!(serde_json::to_vec(&frame).unwrap(), bytes);
    }
}
