//! How a thread of the operating system is woken: by commits, by another order, or by the end of a pause.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What the thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Work.
    #[default]
    Go,
    /// Wait for another order.
    Hold,
    /// End. Nothing follows.
    Stop,
}

#[derive(Debug, Default)]
struct State {
    order: Order,
    /// Something came since the thread looked last.
    is_awake: bool,
}

/// One thread waits here; anybody may wake it.
#[derive(Debug, Default)]
pub struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

impl Signal {
    /// Says that there is something to do.
    pub fn wake(&self) {
        let mut state = self.lock();
        if !state.is_awake {
            state.is_awake = true;
            self.changed.notify_one();
        }
    }

    /// Gives another order, unless the last one was to end.
    pub fn give(&self, order: Order) {
        let mut state = self.lock();
        if state.order != Order::Stop {
            state.order = order;
            self.changed.notify_one();
        }
    }

    /// Waits until there is something to do. False when it is to end.
    pub fn wait(&self) -> bool {
        let is_idle = |state: &mut State| match state.order {
            Order::Go => !state.is_awake,
            Order::Hold => true,
            Order::Stop => false,
        };
        let mut state = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        state.is_awake = false;
        state.order != Order::Stop
    }

    /// Lets time go by, but not when there is another order than to work.
    pub fn pause(&self, time: Duration) {
        let works = |state: &mut State| state.order == Order::Go;
        // Whether it ran out or there is another order, whoever waits looks at both.
        drop(self.changed.wait_timeout_while(self.lock(), time, works));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_wake_before_the_wait_is_not_lost_and_an_end_is_for_good() {
        let signal = Arc::new(Signal::default());
        signal.wake();
        assert!(signal.wait());
        signal.give(Order::Hold);
        signal.wake();
        let waiting = {
            let signal = Arc::clone(&signal);
            std::thread::spawn(move || signal.wait())
        };
        signal.give(Order::Go);
        assert!(waiting.join().unwrap());
        signal.give(Order::Stop);
        signal.give(Order::Go);
        signal.wake();
        assert!(!signal.wait());
        signal.pause(Duration::from_secs(3_600));
    }
}
