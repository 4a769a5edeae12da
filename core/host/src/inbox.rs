//! What a plugin hands over.
//!
//! During a call of the driver it is collected and passed on as one batch afterwards, which makes taking it cheap; from
//! other threads of the plugin it passes at once, unless something collected waits before it.

use std::{collections::VecDeque, sync::Mutex};

use bytes::Bytes;
use tieline_plugin_sdk::Kind;

use crate::{Events, Inbound, lock};

/// How many messages may wait here, or on their way here from another process.
pub(crate) const MOST_MESSAGES: usize = 1024;
/// How many bytes of messages may wait; a single message may be larger.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// How many messages a plugin is told that it may send after a pause.
pub(crate) const CREDITS: u32 = MOST_MESSAGES as u32;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Owned>,
    bytes: usize,
    /// The driver is in a call, or is passing on what was collected.
    collecting: bool,
    /// The other side has not taken all; it says when it does again.
    full: bool,
    /// The plugin was told to wait, and has to be told to go on.
    refused: bool,
    /// How often the other side has said that it takes again.
    resumes: u64,
    /// The messages and bytes that were passed on after they had waited.
    passed: (usize, usize),
}

#[derive(Debug)]
struct Owned {
    link: u64,
    kind: Kind,
    corr: u64,
    payload: Bytes,
}

impl Inbox {
    /// What comes from now on is collected.
    pub(crate) fn collect(&self) {
        lock(&self.state).collecting = true;
    }

    /// Takes messages, and returns how many. With fewer than all, the plugin is told later to go on.
    pub(crate) fn take(&self, events: &dyn Events, plugin: &str, messages: &[Inbound<'_>]) -> Taken {
        let mut state = lock(&self.state);
        if state.collecting || state.full || !state.waiting.is_empty() {
            let count = state.append(messages);
            state.refused |= count < messages.len();
            return Taken { count, resumed_meanwhile: false };
        }
        let resumes = state.resumes;
        drop(state);
        let count = events.inbound(plugin, messages).min(messages.len());
        if count == messages.len() {
            return Taken { count, resumed_meanwhile: false };
        }
        let mut state = lock(&self.state);
        state.refused = true;
        let resumed_meanwhile = state.resumes != resumes;
        state.full |= !resumed_meanwhile;
        Taken { count, resumed_meanwhile }
    }

    /// Takes messages of a plugin that keeps to the room that it was given; false when it does not.
    pub(crate) fn put(&self, messages: &[Inbound<'_>]) -> bool {
        let mut state = lock(&self.state);
        messages.iter().all(|message| state.push(message))
    }

    /// The plugin had no room left, and has to be told to go on.
    pub(crate) fn refuse(&self) {
        lock(&self.state).refused = true;
    }

    /// Returns, once, how many messages and bytes were passed on, when they are at least as many as given.
    pub(crate) fn passed(&self, least: (usize, usize)) -> Option<(usize, usize)> {
        let mut state = lock(&self.state);
        let (messages, bytes) = state.passed;
        let is_enough = messages > 0 && (messages >= least.0 || bytes >= least.1);
        is_enough.then(|| std::mem::take(&mut state.passed))
    }

    /// Passes on what was collected, and stops collecting.
    pub(crate) fn flush(&self, events: &dyn Events, plugin: &str) {
        loop {
            let batch: Vec<Owned> = {
                let mut state = lock(&self.state);
                if state.full || state.waiting.is_empty() {
                    state.collecting = false;
                    return;
                }
                state.collecting = true;
                state.waiting.drain(..).collect()
            };
            let views: Vec<Inbound<'_>> = batch
                .iter()
                .map(|m| Inbound { link: m.link, kind: m.kind, corr: m.corr, payload: &m.payload })
                .collect();
            let taken = events.inbound(plugin, &views).min(batch.len());
            let mut state = lock(&self.state);
            state.full = taken < batch.len();
            let bytes = batch[..taken].iter().map(|m| m.payload.len()).sum();
            state.bytes = state.bytes.saturating_sub(bytes);
            state.passed = (state.passed.0 + taken, state.passed.1 + bytes);
            for message in batch.into_iter().skip(taken).rev() {
                state.waiting.push_front(message);
            }
        }
    }

    /// The other side takes again: passes on what waits.
    pub(crate) fn resume(&self, events: &dyn Events, plugin: &str) {
        let mut state = lock(&self.state);
        state.full = false;
        state.resumes += 1;
        drop(state);
        self.flush(events, plugin);
    }

    /// Tells whether the plugin was told to wait and may go on.
    pub(crate) fn wants_a_resume(&self) -> bool {
        let state = lock(&self.state);
        state.refused && !state.full && state.waiting.is_empty()
    }

    /// As [`wants_a_resume`](Self::wants_a_resume), once.
    pub(crate) fn owes_a_resume(&self) -> bool {
        let mut state = lock(&self.state);
        !state.full && state.waiting.is_empty() && std::mem::take(&mut state.refused)
    }
}

/// How many messages were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub count: usize,
    /// The other side said that it takes again before this was known here: the driver has to look once more.
    pub resumed_meanwhile: bool,
}

impl State {
    fn append(&mut self, messages: &[Inbound<'_>]) -> usize {
        if self.full {
            return 0;
        }
        messages.iter().take_while(|message| self.push(message)).count()
    }

    /// Takes a message if there is room for it.
    fn push(&mut self, message: &Inbound<'_>) -> bool {
        let Inbound { link, kind, corr, payload } = *message;
        let has_room =
            self.waiting.is_empty() || (self.waiting.len() < MOST_MESSAGES && self.bytes + payload.len() <= MOST_BYTES);
        if has_room {
            self.bytes += payload.len();
            self.waiting.push_back(Owned { link, kind, corr, payload: Bytes::copy_from_slice(payload) });
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Takes as many as there is room for.
    #[derive(Default)]
    struct Taker {
        room: AtomicUsize,
        taken: Mutex<Vec<u64>>,
    }

    impl Events for Taker {
        fn inbound(&self, _: &str, messages: &[Inbound<'_>]) -> usize {
            let n = self.room.load(Ordering::SeqCst).min(messages.len());
            self.room.fetch_sub(n, Ordering::SeqCst);
            lock(&self.taken).extend(messages[..n].iter().map(|m| m.corr));
            n
        }
        fn completed(&self, _: &str, _: u64, _: Kind, _: u64, _: bool, _: &str) {}
        fn writable(&self, _: &str) {}
        fn instance_lost(&self, _: &str) {}
        fn changed(&self, _: &Status) {}
    }

    fn send(inbox: &Inbox, events: &Taker, corrs: std::ops::Range<u64>) -> usize {
        let messages: Vec<_> =
            corrs.map(|corr| Inbound { link: 1, kind: Kind::Command, corr, payload: b"{}" }).collect();
        inbox.take(events, "p", &messages).count
    }

    #[test]
    fn what_is_collected_during_a_call_passes_as_one_batch_in_order() {
        let (inbox, events) = (Inbox::default(), Taker::default());
        events.room.store(100, Ordering::SeqCst);
        assert_eq!(send(&inbox, &events, 0..1), 1);
        inbox.collect();
        assert_eq!(send(&inbox, &events, 1..3), 2);
        assert_eq!(*lock(&events.taken), [0]);
        inbox.flush(&events, "p");
        assert_eq!(send(&inbox, &events, 3..4), 1);
        assert_eq!(*lock(&events.taken), [0, 1, 2, 3]);
        assert!(!inbox.owes_a_resume());
    }

    #[test]
    fn what_was_taken_and_did_not_fit_waits_for_the_resume() {
        let (inbox, events) = (Inbox::default(), Taker::default());
        events.room.store(1, Ordering::SeqCst);
        inbox.collect();
        assert_eq!(send(&inbox, &events, 0..3), 3);
        inbox.flush(&events, "p");
        assert_eq!(send(&inbox, &events, 3..4), 0);
        assert!(!inbox.owes_a_resume(), "the other side is still full");
        events.room.store(100, Ordering::SeqCst);
        inbox.resume(&events, "p");
        assert!(inbox.owes_a_resume());
        assert!(!inbox.owes_a_resume(), "once");
        assert_eq!(*lock(&events.taken), [0, 1, 2]);
    }

    #[test]
    fn the_buffer_is_bounded_and_the_plugin_goes_on_after_the_call() {
        let (inbox, events) = (Inbox::default(), Taker::default());
        events.room.store(10_000, Ordering::SeqCst);
        inbox.collect();
        assert_eq!(send(&inbox, &events, 0..2_000), MOST_MESSAGES);
        inbox.flush(&events, "p");
        assert!(inbox.owes_a_resume());
    }

    #[test]
    fn what_keeps_to_its_room_is_taken_also_while_the_other_side_is_full_and_no_more() {
        let (inbox, events) = (Inbox::default(), Taker::default());
        let message = |corr| Inbound { link: 1, kind: Kind::Command, corr, payload: b"{}" };
        inbox.collect();
        assert!(inbox.put(&[message(0)]));
        inbox.flush(&events, "p");
        assert_eq!(inbox.passed((0, 0)), None, "nothing was taken yet");
        let rest: Vec<_> = (1..MOST_MESSAGES as u64).map(message).collect();
        assert!(inbox.put(&rest));
        assert!(!inbox.put(&[message(9999)]), "more than there is room for");

        inbox.refuse();
        assert!(!inbox.wants_a_resume());
        events.room.store(MOST_MESSAGES, Ordering::SeqCst);
        inbox.resume(&events, "p");
        assert_eq!(*lock(&events.taken), (0..MOST_MESSAGES as u64).collect::<Vec<_>>());
        assert!(inbox.owes_a_resume());
        assert_eq!(inbox.passed((MOST_MESSAGES + 1, usize::MAX)), None, "not worth it");
        assert_eq!(inbox.passed((0, 0)), Some((MOST_MESSAGES, 2 * MOST_MESSAGES)));
        assert_eq!(inbox.passed((0, 0)), None, "once");
    }

    // Keeps the direct path honest: a refusal without a resume in between is remembered.
    #[test]
    fn a_direct_refusal_holds_until_the_resume() {
        let (inbox, events) = (Inbox::default(), Taker::default());
        assert_eq!(send(&inbox, &events, 0..1), 0);
        events.room.store(100, Ordering::SeqCst);
        assert_eq!(send(&inbox, &events, 0..1), 0);
        inbox.resume(&events, "p");
        assert!(inbox.owes_a_resume());
        assert_eq!(send(&inbox, &events, 0..1), 1);
    }
}
