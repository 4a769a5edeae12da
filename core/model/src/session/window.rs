//! What one writing link may carry: deliveries in `seq` order per lane, as many as the receiver has
//! given credit for.
//!
//! The window never holds message bodies. It says which `seq` goes next and whether the fresh one that
//! just arrived is it; everything else is read back from the store, so memory is bounded by the credit.

use crate::{Lane, message::PerLane};

/// The state of one lane of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct LaneWindow {
    /// The newest number that the store is known to have.
    head: u64,
    /// The newest number handed to the link.
    sent: u64,
    /// The newest number that the receiver has settled.
    settled: u64,
    /// How many may be unsettled at once.
    credit: u32,
    /// The newest number that was committed for this link and that its thread has not looked at yet.
    announced: u64,
    /// The newest number that is being read, to be handed over.
    reading: u64,
}

/// The outbound window of one link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    lanes: PerLane<LaneWindow>,
    /// What is being withdrawn: it must not go out until its end is known.
    withheld: Vec<(Lane, u64)>,
}

/// A range of numbers to read from the store and hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The lane.
    pub lane: Lane,
    /// The first number that is due.
    pub first: u64,
    /// How many.
    pub count: u32,
}

impl Window {
    /// Opens a window for a receiver that has everything up to `cursors`.
    pub fn open(cursors: PerLane<u64>, heads: PerLane<u64>, credit: u32) -> Self {
        Self {
            lanes: PerLane::from_fn(|lane| LaneWindow {
                head: heads[lane],
                sent: cursors[lane],
                settled: cursors[lane],
                credit,
                announced: 0,
                reading: 0,
            }),
            withheld: Vec::new(),
        }
    }

    /// A number was committed: from now on it may be on its way, until [`Self::offer`] or [`Self::raise`] decides that.
    pub fn announce(&mut self, lane: Lane, seq: u64) {
        let window = &mut self.lanes[lane];
        window.announced = window.announced.max(seq);
    }

    /// Numbers up to this one are being read to be handed over; 0 when the reading has ended.
    pub fn reading(&mut self, lane: Lane, through: u64) {
        self.lanes[lane].reading = through;
    }

    /// Keeps a number from going out while it is being withdrawn. False when it may be on its way already: then it is too
    /// late, and nothing is changed.
    pub fn withhold(&mut self, lane: Lane, seq: u64) -> bool {
        let window = &self.lanes[lane];
        if seq <= window.sent.max(window.announced).max(window.reading) {
            return false;
        }
        self.withheld.push((lane, seq));
        true
    }

    /// Lets a number go that was withheld: it has ended, or it was not withdrawn after all.
    pub fn release(&mut self, lane: Lane, seq: u64) {
        self.withheld.retain(|withheld| *withheld != (lane, seq));
    }

    /// Tells whether a number is being withdrawn.
    pub fn is_withheld(&self, lane: Lane, seq: u64) -> bool {
        self.withheld.contains(&(lane, seq))
    }

    /// Takes note of a newly committed number; true when it may go out at once, in order.
    pub fn offer(&mut self, lane: Lane, seq: u64) -> bool {
        self.raise(lane, seq);
        let is_withheld = self.is_withheld(lane, seq);
        let window = &mut self.lanes[lane];
        let is_next = seq == window.sent + 1;
        if is_next && window.room() > 0 && !is_withheld {
            window.sent = seq;
            return true;
        }
        false
    }

    /// Takes note of a newly committed number that is to be read back later.
    pub fn raise(&mut self, lane: Lane, seq: u64) {
        let window = &mut self.lanes[lane];
        window.head = window.head.max(seq);
        if window.announced <= seq {
            window.announced = 0;
        }
    }

    /// Settles a number that was skipped, when nothing before it is in flight: no receipt has to come for it.
    pub fn skip(&mut self, lane: Lane, seq: u64) {
        let window = &mut self.lanes[lane];
        if window.settled + 1 == seq && seq <= window.sent {
            window.settled = seq;
        }
    }

    /// Returns the newest number handed over in `lane`.
    pub fn last_sent(&self, lane: Lane) -> u64 {
        self.lanes[lane].sent
    }

    /// Settles everything up to `through`: delivered, or skipped. What this link was not given yet and its receiver
    /// has from an earlier one is not sent any more.
    pub fn settle(&mut self, lane: Lane, through: u64) {
        let window = &mut self.lanes[lane];
        window.settled = window.settled.max(through.min(window.head));
        window.sent = window.sent.max(window.settled);
    }

    /// Sets how many may be in flight, at most `limit`.
    pub fn grant(&mut self, lane: Lane, credit: u32, limit: u32) {
        self.lanes[lane].credit = credit.min(limit);
    }

    /// Returns what is due next, most urgent lane first, without marking it as sent.
    pub fn due(&self) -> Option<Due> {
        Lane::ALL.into_iter().find_map(|lane| {
            let window = &self.lanes[lane];
            let behind = u32::try_from(window.head - window.sent.min(window.head)).unwrap_or(u32::MAX);
            let count = behind.min(window.room());
            (count > 0).then_some(Due { lane, first: window.sent + 1, count })
        })
    }

    /// Marks everything up to `seq` as handed over.
    pub fn sent(&mut self, lane: Lane, seq: u64) {
        let window = &mut self.lanes[lane];
        window.sent = window.sent.max(seq);
    }

    /// Takes back what could not be handed over: the link was full.
    pub fn unsend(&mut self, lane: Lane, seq: u64) {
        let window = &mut self.lanes[lane];
        window.sent = window.sent.min(seq.saturating_sub(1)).max(window.settled);
    }

    /// Returns how many are in flight, over all lanes.
    pub fn in_flight(&self) -> u64 {
        Lane::ALL.into_iter().map(|lane| self.lanes[lane].sent - self.lanes[lane].settled).sum()
    }

    /// Returns what was handed over on `lane` and is not settled, as (first, last).
    pub fn unsettled(&self, lane: Lane) -> Option<(u64, u64)> {
        let window = &self.lanes[lane];
        (window.sent > window.settled).then_some((window.settled + 1, window.sent))
    }
}

impl LaneWindow {
    fn room(&self) -> u32 {
        let in_flight = u32::try_from(self.sent - self.settled).unwrap_or(u32::MAX);
        self.credit.saturating_sub(in_flight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_out_is_dense_in_order_and_within_credit(
            credit in 1..8u32,
            steps in prop::collection::vec((0..3u8, 0..20u64), 0..200),
        ) {
            let mut window = Window::open(PerLane::default(), PerLane::default(), credit);
            let (mut head, mut last) = (0, 0);
            for (action, n) in steps {
                match action {
                    0 => {
                        head += 1;
                        if window.offer(Lane::Msg, head) {
                            prop_assert_eq!(head, last + 1);
                            last = head;
                        }
                    }
                    1 => {
                        window.settle(Lane::Msg, n);
                        last = last.max(n.min(head));
                    }
                    _ => if let Some(due) = window.due() {
                        prop_assert_eq!(due.first, last + 1);
                        last = due.first + u64::from(due.count) - 1;
                        prop_assert!(last <= head);
                        window.sent(Lane::Msg, last);
                    },
                }
                prop_assert!(window.in_flight() <= u64::from(credit));
            }
        }
    }

    #[test]
    fn a_lane_without_credit_does_not_hold_up_another() {
        let mut window = Window::open(PerLane::default(), PerLane { ctl: 0, msg: 9, bulk: 9 }, 4);
        window.grant(Lane::Msg, 0, 100);
        assert_eq!(window.due(), Some(Due { lane: Lane::Bulk, first: 1, count: 4 }));
        assert!(window.offer(Lane::Ctl, 1));
    }

    #[test]
    fn a_receipt_for_what_an_earlier_link_carried_leaves_nothing_in_flight() {
        let mut window = Window::open(PerLane::default(), PerLane { ctl: 0, msg: 9, bulk: 0 }, 4);
        window.settle(Lane::Msg, 6);
        assert_eq!(window.in_flight(), 0);
        assert_eq!(window.due(), Some(Due { lane: Lane::Msg, first: 7, count: 3 }));
    }

    #[test]
    fn what_may_be_on_its_way_cannot_be_withdrawn_and_what_is_withdrawn_does_not_go_out() {
        let mut window = Window::open(PerLane::default(), PerLane::default(), 4);
        window.announce(Lane::Msg, 1);
        assert!(!window.withhold(Lane::Msg, 1), "committed, and nobody has decided yet");
        assert!(window.offer(Lane::Msg, 1));
        assert!(!window.withhold(Lane::Msg, 1), "sent");
        assert!(window.withhold(Lane::Msg, 2), "not committed yet");
        assert!(!window.offer(Lane::Msg, 2));
        window.release(Lane::Msg, 2);
        window.reading(Lane::Msg, 2);
        assert!(!window.withhold(Lane::Msg, 2), "being read");
        window.reading(Lane::Msg, 0);
        assert!(window.withhold(Lane::Msg, 2), "left for later");
        assert!(window.is_withheld(Lane::Msg, 2) && !window.is_withheld(Lane::Bulk, 2));
    }

    #[test]
    fn what_a_full_link_gave_back_is_due_again() {
        let mut window = Window::open(PerLane::default(), PerLane { ctl: 0, msg: 3, bulk: 0 }, 4);
        window.sent(Lane::Msg, 3);
        window.unsend(Lane::Msg, 2);
        assert_eq!(window.due(), Some(Due { lane: Lane::Msg, first: 2, count: 2 }));
    }
}
