//! The timers of one instance.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tieline_plugin_sdk::{abi, limits};

use crate::Denied;

/// Timers by when they run out.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, u64)>,
    by_id: HashMap<u64, Instant>,
}

impl Timers {
    /// Sets a timer, in the place of an earlier one with this id, or cancels it.
    pub(crate) fn set(&mut self, now: Instant, id: u64, after_ms: u64) -> Result<(), Denied> {
        if after_ms == abi::TIMER_CANCEL {
            self.cancel(id);
            return Ok(());
        }
        if self.by_id.len() >= limits::TIMERS && !self.by_id.contains_key(&id) {
            return Err(Denied::TooLarge);
        }
        // A time that no clock will reach.
        let at = now.checked_add(Duration::from_millis(after_ms)).ok_or(Denied::Invalid)?;
        self.cancel(id);
        self.by_id.insert(id, at);
        self.due.insert((at, id));
        Ok(())
    }

    fn cancel(&mut self, id: u64) {
        if let Some(at) = self.by_id.remove(&id) {
            self.due.remove(&(at, id));
        }
    }

    /// Returns when the next one runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out those that have run out, at most `most`, in that order.
    pub(crate) fn take_due(&mut self, now: Instant, most: usize) -> Vec<u64> {
        let mut due = Vec::new();
        while due.len() < most
            && let Some((at, id)) = self.due.first().copied()
            && at <= now
        {
            self.cancel(id);
            due.push(id);
        }
        due
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        *self = Timers::default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_runs_out_once_in_the_order_of_the_times() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        for (id, after) in [(1, 30), (2, 10), (3, 20), (u64::MAX, 0)] {
            timers.set(now, id, after).unwrap();
        }
        assert_eq!(timers.next(), Some(now));
        assert_eq!(timers.take_due(now + Duration::from_millis(20), 10), [u64::MAX, 2, 3]);
        assert_eq!(timers.take_due(now + Duration::from_millis(29), 10), [0u64; 0]);
        assert_eq!(timers.take_due(now + Duration::from_millis(30), 10), [1]);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn the_same_id_replaces_and_the_largest_number_cancels() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        timers.set(now, 1, 10).unwrap();
        timers.set(now, 1, 1000).unwrap();
        timers.set(now, 2, 10).unwrap();
        timers.set(now, 2, abi::TIMER_CANCEL).unwrap();
        timers.set(now, 3, abi::TIMER_CANCEL).unwrap();
        assert_eq!(timers.take_due(now + Duration::from_millis(999), 10), [0u64; 0]);
        assert_eq!(timers.take_due(now + Duration::from_millis(1000), 10), [1]);
    }

    #[test]
    fn their_number_is_limited_and_so_is_a_turn() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        for id in 0..limits::TIMERS as u64 {
            timers.set(now, id, 0).unwrap();
        }
        assert_eq!(timers.set(now, 9999, 0), Err(Denied::TooLarge));
        assert_eq!(timers.set(now, 5, 0), Ok(()), "one that is there can be set again");
        assert_eq!(timers.take_due(now, 3).len(), 3);
        assert_eq!(timers.set(now, 9999, 0), Ok(()));
        // Far away, or impossible: either is said at once.
        assert!(matches!(timers.set(now, 9998, u64::MAX - 1), Ok(()) | Err(Denied::Invalid)));
    }
}
