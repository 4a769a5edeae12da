//! What waits for the driver of one instance.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::Write,
    os::unix::net::UnixStream,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tieline_plugin_sdk::{Kind, abi};

use crate::{Denied, Limits, Outbound, Webhook, lock, timers::Timers};

/// How much of each kind is handed over in one call.
const BATCH: usize = 256;
/// How many frames of one socket may wait.
const SOCKET_FRAMES: usize = 4096;
/// How many bytes of one socket may wait.
const SOCKET_BYTES: usize = 8 << 20;
/// A plugin that has forgotten to say that it has room is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Something that happened on a socket.
#[derive(Debug)]
pub(crate) struct SocketItem {
    pub socket: u64,
    pub what: u16,
    pub data: Bytes,
}

/// A webhook request with its number.
#[derive(Debug)]
pub(crate) struct WebhookItem {
    pub id: u64,
    pub request: Webhook,
}

/// What the driver does next.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub resume: bool,
    pub timers: Vec<u64>,
    pub webhooks: Vec<WebhookItem>,
    pub sockets: Vec<SocketItem>,
    pub messages: Vec<Outbound>,
    pub fault: bool,
    pub stop: bool,
    epoch: u64,
}

/// The queue of one instance.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Wakes a driver that waits for its plugin's process at the same time.
    bell: OnceLock<UnixStream>,
    most_messages: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Outbound>,
    /// Deliveries that wait or are being handed over.
    deliveries: usize,
    delivery_bytes: usize,
    gave_back: bool,
    sockets: VecDeque<SocketItem>,
    /// Frames and bytes that wait, by socket.
    open: HashMap<u64, (usize, usize)>,
    webhooks: VecDeque<WebhookItem>,
    timers: Timers,
    /// The plugin has no room until then, or until it says so.
    blocked: Option<Instant>,
    /// Counts how often the plugin said that it has room.
    epoch: u64,
    resume: bool,
    fault: bool,
    stop: bool,
    closed: bool,
    /// The driver waits for the bell.
    awaits_bell: bool,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Taken,
    Gone,
    TooMuch,
}

impl Queue {
    pub(crate) fn new(limits: &Limits) -> Self {
        Queue {
            state: Mutex::default(),
            wake: Condvar::new(),
            bell: OnceLock::new(),
            most_messages: limits.queue_messages,
            most_bytes: limits.queue_bytes,
        }
    }

    /// Takes messages for the plugin, and gives back the rest. Once a delivery is given back, so are the later
    /// deliveries, and the skips of its link: their order is what makes them right.
    pub(crate) fn push(&self, messages: Vec<Outbound>) -> Vec<Outbound> {
        let mut state = lock(&self.state);
        if state.closed {
            return messages;
        }
        let mut back: Vec<Outbound> = Vec::new();
        let mut waiting_links = HashSet::new();
        for message in messages {
            let fits = match message.kind {
                Kind::Delivery => back.is_empty() && state.has_room(message.payload.len(), self),
                Kind::Skip => !waiting_links.contains(&message.link),
                _ => true,
            };
            if !fits {
                waiting_links.insert(message.link);
                back.push(message);
                continue;
            }
            if message.kind == Kind::Delivery {
                state.deliveries += 1;
                state.delivery_bytes += message.payload.len();
            }
            state.messages.push_back(message);
        }
        state.gave_back |= !back.is_empty();
        self.wake(state);
        back
    }

    /// Takes the news of an opened socket; false when the instance is gone.
    pub(crate) fn socket_opened(&self, socket: u64, data: Bytes) -> bool {
        let mut state = lock(&self.state);
        if state.closed || state.stop {
            return false;
        }
        state.open.insert(socket, (0, 0));
        state.sockets.push_back(SocketItem { socket, what: abi::SOCKET_OPEN, data });
        self.wake(state);
        true
    }

    /// Takes frames of a socket.
    pub(crate) fn socket_frames(&self, socket: u64, frames: Vec<(bool, Bytes)>) -> Pushed {
        let mut state = lock(&self.state);
        if state.closed {
            return Pushed::Gone;
        }
        let bytes: usize = frames.iter().map(|(_, data)| data.len()).sum();
        let Some((waiting, waiting_bytes)) = state.open.get_mut(&socket) else { return Pushed::Gone };
        *waiting += frames.len();
        *waiting_bytes += bytes;
        if *waiting > SOCKET_FRAMES || *waiting_bytes > SOCKET_BYTES {
            return Pushed::TooMuch;
        }
        state.sockets.extend(frames.into_iter().map(|(is_text, data)| SocketItem {
            socket,
            what: if is_text { abi::SOCKET_TEXT } else { abi::SOCKET_BINARY },
            data,
        }));
        self.wake(state);
        Pushed::Taken
    }

    /// Takes the news of a closed socket.
    pub(crate) fn socket_closed(&self, socket: u64, data: Bytes) {
        let mut state = lock(&self.state);
        if state.open.remove(&socket).is_some() && !state.closed {
            state.sockets.push_back(SocketItem { socket, what: abi::SOCKET_CLOSED, data });
        }
        self.wake(state);
    }

    /// Takes a webhook request; false when the instance is gone. Whoever numbers them limits how many wait.
    pub(crate) fn webhook(&self, item: WebhookItem) -> bool {
        let mut state = lock(&self.state);
        if state.closed || state.stop {
            return false;
        }
        state.webhooks.push_back(item);
        self.wake(state);
        true
    }

    /// Sets or cancels a timer.
    pub(crate) fn timer(&self, id: u64, after_ms: u64) -> Result<(), Denied> {
        let mut state = lock(&self.state);
        if state.closed || state.stop {
            return Err(Denied::Closed);
        }
        state.timers.set(Instant::now(), id, after_ms)?;
        // It may run out before whatever the driver waits for.
        self.wake(state);
        Ok(())
    }

    /// The plugin has room again.
    pub(crate) fn writable(&self) {
        self.change(|state| {
            state.epoch += 1;
            state.blocked = None;
        });
    }

    /// The other side takes messages again.
    pub(crate) fn resume(&self) {
        self.change(|state| state.resume = true);
    }

    /// The plugin has said that it is broken.
    pub(crate) fn fault(&self) {
        self.change(|state| state.fault = true);
    }

    /// What waits is still handed over, then the driver ends.
    pub(crate) fn stop(&self) {
        self.change(|state| state.stop = true);
    }

    /// Takes nothing more. Returns the messages that were still waiting.
    pub(crate) fn close(&self) -> Vec<Outbound> {
        let mut state = lock(&self.state);
        state.closed = true;
        state.sockets.clear();
        state.open.clear();
        state.webhooks.clear();
        state.timers.clear();
        state.messages.drain(..).collect()
    }

    /// Waits for something to do, at most until the given time.
    pub(crate) fn next(&self, until: Option<Instant>) -> Turn {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            state = match state.due(now, until) {
                Ok(turn) => return turn,
                Err(None) => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Err(Some(at)) => {
                    let left = at.saturating_duration_since(now);
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// From now on the driver may wait for a byte on the other end of this socket.
    pub(crate) fn ring(&self, bell: UnixStream) {
        let _twice = self.bell.set(bell);
    }

    /// Looks for something to do. With nothing, says until when, and rings the bell when that changes.
    pub(crate) fn look(&self, until: Option<Instant>) -> Result<Turn, Option<Instant>> {
        let mut state = lock(&self.state);
        let due = state.due(Instant::now(), until);
        state.awaits_bell = due.is_err();
        due
    }

    /// Puts back what the plugin had no room for, and counts what it took. Returns whether whoever was refused has to be
    /// told that there is room again.
    pub(crate) fn settle(&self, turn: &Turn, taken: (usize, usize), rest: Vec<Outbound>) -> bool {
        let mut state = lock(&self.state);
        state.deliveries = state.deliveries.saturating_sub(taken.0);
        state.delivery_bytes = state.delivery_bytes.saturating_sub(taken.1);
        if !rest.is_empty() {
            for message in rest.into_iter().rev() {
                state.messages.push_front(message);
            }
            // Unless it has said in the meantime that there is room.
            if state.epoch == turn.epoch {
                state.blocked = Some(Instant::now() + ASK_AGAIN);
            }
        }
        let has_room = state.deliveries <= self.most_messages / 2 && state.delivery_bytes <= self.most_bytes / 2;
        has_room && std::mem::take(&mut state.gave_back)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        self.wake(state);
    }

    /// Ends every change.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let rings = std::mem::take(&mut state.awaits_bell);
        drop(state);
        match self.bell.get() {
            // A bell that cannot take a byte more rings already.
            Some(mut bell) if rings => drop(bell.write(&[0])),
            _ => self.wake.notify_one(),
        }
    }
}

impl State {
    /// One message always fits, so that a single large one is not stuck for ever.
    fn has_room(&self, bytes: usize, queue: &Queue) -> bool {
        self.deliveries == 0
            || (self.deliveries < queue.most_messages && self.delivery_bytes + bytes <= queue.most_bytes)
    }

    /// Returns the next turn, or until when there is none.
    fn due(&mut self, now: Instant, until: Option<Instant>) -> Result<Turn, Option<Instant>> {
        if self.blocked.is_some_and(|until| until <= now) {
            self.blocked = None;
        }
        if self.is_ready(now) || until.is_some_and(|until| until <= now) {
            return Ok(self.turn(now));
        }
        Err([until, self.blocked, self.timers.next()].into_iter().flatten().min())
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.stop
            || self.fault
            || self.resume
            || !self.sockets.is_empty()
            || !self.webhooks.is_empty()
            || self.timers.next().is_some_and(|at| at <= now)
            || (!self.messages.is_empty() && self.blocked.is_none())
    }

    fn turn(&mut self, now: Instant) -> Turn {
        let sockets: Vec<SocketItem> = {
            let n = self.sockets.len().min(BATCH);
            self.sockets.drain(..n).collect()
        };
        for item in &sockets {
            if let Some((frames, bytes)) = self.open.get_mut(&item.socket)
                && matches!(item.what, abi::SOCKET_TEXT | abi::SOCKET_BINARY)
            {
                *frames = frames.saturating_sub(1);
                *bytes = bytes.saturating_sub(item.data.len());
            }
        }
        let n = if self.blocked.is_some() { 0 } else { self.messages.len().min(BATCH) };
        // Whoever stops begins nothing new: those who wait for a webhook are told when it has stopped.
        let (timers, webhooks) = match self.stop {
            true => (Vec::new(), Vec::new()),
            false => (self.timers.take_due(now, BATCH), self.webhooks.drain(..).collect()),
        };
        Turn {
            resume: std::mem::take(&mut self.resume),
            timers,
            webhooks,
            sockets,
            messages: self.messages.drain(..n).collect(),
            fault: self.fault,
            stop: self.stop,
            epoch: self.epoch,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn queue(most: usize) -> Queue {
        Queue::new(&Limits { queue_messages: most, queue_bytes: 100, ..Limits::default() })
    }

    fn message(kind: Kind, link: u64, corr: u64, len: usize) -> Outbound {
        Outbound { link, kind, corr, payload: Bytes::from(vec![b'x'; len]) }
    }

    fn corrs(messages: &[Outbound]) -> Vec<u64> {
        messages.iter().map(|message| message.corr).collect()
    }

    #[test]
    fn deliveries_beyond_the_limit_are_given_back_in_order_and_other_kinds_are_taken() {
        let queue = queue(2);
        let back = queue.push(vec![
            message(Kind::Delivery, 1, 1, 1),
            message(Kind::Delivery, 1, 2, 1),
            message(Kind::Delivery, 1, 3, 1),
            message(Kind::Outcome, 1, 4, 1),
            message(Kind::Skip, 1, 5, 1),
            message(Kind::Skip, 2, 6, 1),
            message(Kind::Delivery, 2, 7, 1),
        ]);
        assert_eq!(corrs(&back), [3, 5, 7]);
        let turn = queue.next(None);
        assert_eq!(corrs(&turn.messages), [1, 2, 4, 6]);
        assert!(queue.settle(&turn, (2, 2), Vec::new()), "there is room again, and someone was refused");
        assert!(queue.push(vec![message(Kind::Delivery, 1, 8, 1)]).is_empty());
    }

    #[test]
    fn bytes_are_limited_and_a_large_one_passes_alone() {
        let queue = queue(10);
        assert_eq!(corrs(&queue.push(vec![message(Kind::Delivery, 1, 1, 500), message(Kind::Delivery, 1, 2, 1)])), [2]);
    }

    #[test]
    fn what_the_plugin_had_no_room_for_comes_again_once_it_has() {
        let queue = queue(10);
        queue.push((0..3).map(|corr| message(Kind::Delivery, 1, corr, 1)).collect());
        let mut turn = queue.next(None);
        let rest = turn.messages.split_off(1);
        queue.settle(&turn, (1, 1), rest);
        assert!(queue.next(Some(Instant::now())).messages.is_empty(), "blocked");
        queue.writable();
        assert_eq!(corrs(&queue.next(None).messages), [1, 2]);
    }

    #[test]
    fn room_that_was_announced_during_the_call_is_not_missed() {
        let queue = queue(10);
        queue.push(vec![message(Kind::Delivery, 1, 1, 1)]);
        let mut turn = queue.next(None);
        queue.writable();
        let rest = std::mem::take(&mut turn.messages);
        queue.settle(&turn, (0, 0), rest);
        assert_eq!(queue.next(Some(Instant::now())).messages.len(), 1);
    }

    #[test]
    fn a_socket_that_sends_too_much_is_found() {
        let queue = queue(10);
        assert_eq!(queue.socket_frames(7, vec![(true, Bytes::new())]), Pushed::Gone);
        assert!(queue.socket_opened(7, Bytes::new()));
        let frames = |n| vec![(true, Bytes::from_static(b"x")); n];
        assert_eq!(queue.socket_frames(7, frames(SOCKET_FRAMES)), Pushed::Taken);
        assert_eq!(queue.next(None).sockets.len(), BATCH);
        assert_eq!(queue.socket_frames(7, frames(1)), Pushed::Taken);
        assert_eq!(queue.socket_frames(7, frames(SOCKET_FRAMES)), Pushed::TooMuch);
    }

    #[test]
    fn a_closed_queue_takes_nothing() {
        let queue = queue(10);
        queue.push(vec![message(Kind::Outcome, 1, 1, 1)]);
        assert_eq!(corrs(&queue.close()), [1]);
        assert_eq!(corrs(&queue.push(vec![message(Kind::Outcome, 1, 2, 1)])), [2]);
        assert!(!queue.socket_opened(1, Bytes::new()));
    }

    #[test]
    fn a_driver_that_looks_is_rung_for_once_until_it_looks_again() {
        use std::io::Read;

        let queue = queue(10);
        let (mut bell, rings) = UnixStream::pair().unwrap();
        bell.set_nonblocking(true).unwrap();
        queue.ring(rings);
        queue.resume();
        assert!(bell.read(&mut [0; 9]).is_err(), "nobody has looked");
        assert!(queue.look(None).unwrap().resume);
        assert_eq!(queue.look(None).unwrap_err(), None);
        queue.push(vec![message(Kind::Outcome, 1, 1, 1)]);
        queue.push(vec![message(Kind::Outcome, 1, 2, 1)]);
        assert_eq!(bell.read(&mut [0; 9]).unwrap(), 1);
        assert_eq!(corrs(&queue.look(None).unwrap().messages), [1, 2]);
        let soon = Instant::now();
        assert!(queue.look(Some(soon)).is_ok(), "its time is up");
        let later = soon + Duration::from_secs(3600);
        assert_eq!(queue.look(Some(later)).unwrap_err(), Some(later));
    }
}
