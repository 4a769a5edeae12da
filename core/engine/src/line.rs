//! What one writing link carries, and in which state: shared by the router, which puts on it what was just committed, and
//! by the peer's actor, which reads the rest from the store and keeps the timers. Both run on one thread.
//!
//! What goes out next is decided by `model::session::window`. A message that was just committed and is next in line goes out
//! at once; everything else is read back from the store, so memory is bounded by the credit.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use tieline_model::{
    DeliveryState, Lane, LinkId, SessionId, TimestampMs,
    delivery::is_pending,
    frame::{ProgressFrame, SkipFrame},
    message::PerLane,
    session::window::{Due, Window},
};
use tieline_store::DueRow;

use crate::{
    port::{FrameKind, LinkMessage},
    presence::Attachment,
    shared::Shared,
};

/// What a commit means for a session's writing link.
#[derive(Debug, Clone)]
pub enum LineOp {
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
}

/// The line, as its two users hold it.
pub type SharedLine = Rc<RefCell<Line>>;

/// One writing link.
pub struct Line {
    shared: Arc<Shared>,
    /// Whose inbox it carries.
    pub session: SessionId,
    /// The writer's epoch.
    pub epoch: u64,
    /// The link.
    pub link: LinkId,
    /// The link's transport.
    pub transport: Arc<str>,
    window: Arc<Mutex<Window>>,
    /// Up to here an earlier link may have had it.
    maybe_sent: PerLane<u64>,
    /// How often a number was sent again.
    repeats: HashMap<(Lane, u64), u32>,
    /// What ended while it was being read: the rows may still show it as it was before.
    ended: HashMap<(Lane, u64), DeliveryState>,
    /// The actor is reading: a fresh message must not overtake what it reads.
    pub is_reading: bool,
    /// The actor has a timer for receipts that stay away.
    pub is_waiting: bool,
    /// The link had no room: nothing is read for it until it has.
    pub is_blocked: bool,
    /// The actor has a timer that ends the block, should the transport forget to say that it has room.
    pub is_retrying: bool,
    last_progress: TimestampMs,
}

impl Line {
    /// Makes the line of a writer with a link; `None` for one that polls.
    pub fn new(shared: &Arc<Shared>, attachment: &Attachment, maybe_sent: PerLane<u64>) -> Option<SharedLine> {
        Some(Rc::new(RefCell::new(Self {
            shared: Arc::clone(shared),
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
            is_retrying: false,
            last_progress: shared.clock.now(),
        })))
    }

    /// Tells whether its link is still there and still writes. One that was fenced or lost says no more, however long the
    /// timers of its actor are.
    pub fn is_current(&self) -> bool {
        let is_writer = self.shared.presence.writer(self.session).is_some_and(|writer| writer.epoch == self.epoch);
        is_writer && self.shared.presence.link(self.link).is_some()
    }

    fn window<T>(&self, f: impl FnOnce(&mut Window) -> T) -> T {
        f(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what a commit brought, and puts what may go out now into `out`.
    pub fn take(&mut self, op: LineOp, out: &mut Vec<LinkMessage>) {
        match op {
            LineOp::Offer { lane, seq, body } => {
                // While older ones are being read back, a fresh one must not overtake them.
                let goes_now = if self.is_reading {
                    self.window(|window| window.raise(lane, seq));
                    false
                } else {
                    self.window(|window| window.offer(lane, seq))
                };
                if goes_now {
                    out.push(self.delivery(lane, seq, &body));
                }
            }
            LineOp::Skip { lane, seq, state } => {
                let was_sent = self.window(|window| {
                    window.raise(lane, seq);
                    window.release(lane, seq);
                    seq <= window.last_sent(lane)
                });
                if was_sent {
                    self.repeats.remove(&(lane, seq));
                    self.skip(lane, seq, state, out);
                } else if self.is_reading {
                    self.ended.insert((lane, seq), state);
                }
            }
            LineOp::Settled { lane, through } => {
                self.window(|window| window.settle(lane, through));
                if !self.repeats.is_empty() {
                    self.repeats.retain(|(of, seq), _| *of != lane || *seq > through);
                }
                self.last_progress = self.shared.clock.now();
            }
            LineOp::Progress(frame) => self.push_json(FrameKind::Progress, &frame, out),
        }
    }

    /// Marks so many deliveries of `out` as on their way now, when nothing was before them.
    pub fn sent(&mut self, count: usize) {
        // The window has them as sent already.
        if self.window(|window| window.in_flight()) <= count as u64 {
            self.last_progress = self.shared.clock.now();
        }
    }

    /// Takes back what its link had no room for; false for what comes again by itself.
    pub fn take_back(&mut self, message: &LinkMessage) -> bool {
        let Some((lane, seq)) = place(message) else { return false };
        self.window(|window| window.unsend(lane, seq));
        true
    }

    /// Returns what the actor should read next, if it may.
    pub fn due(&self) -> Option<Due> {
        if self.is_reading || self.is_blocked { None } else { self.window(|window| window.due()) }
    }

    /// The actor reads what is due. Nothing of it can be withdrawn until it has been taken.
    pub fn begin_reading(&mut self, due: Due) {
        self.is_reading = true;
        self.window(|window| window.reading(due.lane, due.first + u64::from(due.count) - 1));
    }

    /// The actor has read, whatever came of it.
    pub fn end_reading(&mut self, due: Due) {
        self.is_reading = false;
        self.window(|window| window.reading(due.lane, 0));
    }

    /// Tells whether receipts are awaited that no timer watches.
    pub fn wants_a_timer(&self) -> bool {
        !self.is_waiting && self.window(|window| window.in_flight()) > 0
    }

    /// Tells whether its actor has something to do.
    pub fn wants_a_look(&self) -> bool {
        self.due().is_some() || self.wants_a_timer() || (self.is_blocked && !self.is_retrying)
    }

    /// Puts what was read for `due` into `out`. Returns the number after the last one that was there, and those whose text
    /// is damaged. What is being withdrawn stops it: its end comes with a commit.
    pub fn take_rows(&mut self, due: Due, rows: Vec<DueRow>, out: &mut Vec<LinkMessage>) -> (u64, Vec<u64>) {
        let ended = std::mem::take(&mut self.ended);
        let mut damaged = Vec::new();
        let mut next = due.first;
        for row in rows {
            if row.seq != next || self.window(|window| window.is_withheld(due.lane, row.seq)) {
                break;
            }
            next += 1;
            let state = ended.get(&(due.lane, row.seq)).copied().unwrap_or(row.state);
            self.window(|window| window.sent(due.lane, row.seq));
            match row.message {
                Ok(body) if is_pending(state) || matches!(state, DeliveryState::Delivered | DeliveryState::Seen) => {
                    out.push(self.delivery(due.lane, row.seq, &body));
                }
                Ok(_) => self.skip(due.lane, row.seq, state, out),
                Err(_) => {
                    self.skip(due.lane, row.seq, DeliveryState::Dead, out);
                    damaged.push(row.seq);
                }
            }
        }
        (next, damaged)
    }

    /// Tells whether the first due number is being withdrawn, so that it is not missing.
    pub fn is_withdrawing(&self, due: Due) -> bool {
        self.window(|window| window.is_withheld(due.lane, due.first))
    }

    /// Forgets what ended while a read went on that has failed.
    pub fn read_failed(&mut self) {
        self.ended.clear();
    }

    /// The instant until which receipts are waited for: the ack-wait, doubled with each repeat of what waits longest.
    pub fn patient_until(&self) -> TimestampMs {
        let delivery = &self.shared.config.delivery;
        let worst = self.repeats.values().copied().max().unwrap_or_default().min(16);
        let patience = (delivery.ack_wait_ms << worst).min(delivery.retry_max_ms.max(delivery.ack_wait_ms));
        self.last_progress.plus_ms(patience)
    }

    /// Makes due again what no receipt came for. Returns what was tried too often.
    pub fn send_again(&mut self) -> Vec<(Lane, u64)> {
        self.last_progress = self.shared.clock.now();
        let limit = self.shared.config.delivery.max_attempts;
        let mut given_up = Vec::new();
        for lane in Lane::ALL {
            let Some((first, last)) = self.window(|window| window.unsettled(lane)) else { continue };
            // Older numbers were sent at least as often, so those that are given up come first.
            let mut again = first;
            for seq in first..=last {
                let repeats = self.repeats.entry((lane, seq)).or_default();
                *repeats += 1;
                if *repeats >= limit {
                    again = seq + 1;
                    given_up.push((lane, seq));
                }
            }
            self.window(|window| window.unsend(lane, again));
        }
        given_up
    }

    fn skip(&mut self, lane: Lane, seq: u64, state: DeliveryState, out: &mut Vec<LinkMessage>) {
        self.push_json(FrameKind::Skip, &SkipFrame { lane, seq, reason: state }, out);
        self.window(|window| window.skip(lane, seq));
    }

    fn delivery(&self, lane: Lane, seq: u64, body: &str) -> LinkMessage {
        let repeats = self.repeats.get(&(lane, seq)).copied().unwrap_or_default();
        let maybe_sent = repeats > 0 || seq <= self.maybe_sent[lane];
        self.message(FrameKind::Delivery, delivery_frame(lane, seq, repeats + 1, maybe_sent, body))
    }

    fn push_json<T: serde::Serialize>(&self, kind: FrameKind, frame: &T, out: &mut Vec<LinkMessage>) {
        match serde_json::to_vec(frame) {
            Ok(payload) => out.push(self.message(kind, payload)),
            Err(error) => tracing::error!(%error, "a frame could not be written"),
        }
    }

    fn message(&self, kind: FrameKind, payload: Vec<u8>) -> LinkMessage {
        LinkMessage { link: self.link, kind, corr: 0, payload: payload.into() }
    }
}

/// Takes note of a commit for a writer that has no line at this moment: the next one reads it from the store.
pub fn note(window: &mut Window, op: &LineOp) {
    match op {
        LineOp::Offer { lane, seq, .. } => window.raise(*lane, *seq),
        LineOp::Skip { lane, seq, .. } => {
            window.raise(*lane, *seq);
            window.release(*lane, *seq);
        }
        LineOp::Settled { lane, through } => window.settle(*lane, *through),
        LineOp::Progress(_) => {}
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
