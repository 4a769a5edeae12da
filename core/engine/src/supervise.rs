//! Starting dead actors again, with back-off and a limit: actix does not restart an actor after a panic, so we do.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use actix::{Actor, Addr, Context};
use tieline_model::TimestampMs;
use tokio::sync::mpsc;

use crate::shared::Shared;

/// More restarts than this within [`WINDOW_MS`] open the circuit.
const MAX_RESTARTS: usize = 5;
/// Over which restarts are counted.
const WINDOW_MS: i64 = 60_000;

/// The restarts of one thing.
#[derive(Debug, Default)]
pub struct Restarts(VecDeque<TimestampMs>);

/// What to do about a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again, after so many milliseconds.
    After(u64),
    /// It died too often: leave it for the rest of the window.
    Tripped,
}

impl Restarts {
    /// Counts a death at `now` and decides.
    pub fn died(&mut self, now: TimestampMs) -> Verdict {
        while self.0.front().is_some_and(|at| now.0 - at.0 >= WINDOW_MS) {
            self.0.pop_front();
        }
        if self.0.len() >= MAX_RESTARTS {
            return Verdict::Tripped;
        }
        self.0.push_back(now);
        // At once, then 100 ms, 200, 400, 800.
        let times = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        Verdict::After(if times == 1 { 0 } else { 100 << (times - 2) })
    }

    /// Tells whether it may run at `now`.
    pub fn is_tripped(&self, now: TimestampMs) -> bool {
        self.0.len() >= MAX_RESTARTS && self.0.front().is_some_and(|at| now.0 - at.0 < WINDOW_MS)
    }
}

/// Held by an actor as long as it lives: its death is told when this is dropped with it.
pub struct Alive<M: Send + 'static = ()> {
    told: mpsc::UnboundedSender<M>,
    who: Option<M>,
}

impl<M: Send + 'static> Alive<M> {
    /// Tells of the death of `who`.
    pub fn telling(told: &mpsc::UnboundedSender<M>, who: M) -> Self {
        Self { told: told.clone(), who: Some(who) }
    }
}

impl<M: Send + 'static> Drop for Alive<M> {
    fn drop(&mut self) {
        if let Some(who) = self.who.take() {
            // Whoever would be told may be gone as well.
            let _ = self.told.send(who);
        }
    }
}

/// An actor that others reach through this, whichever life it is in.
pub struct Kept<A: Actor>(Arc<RwLock<Option<Addr<A>>>>);

impl<A: Actor> Clone for Kept<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor> Default for Kept<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A: Actor> std::fmt::Debug for Kept<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}

impl<A: Actor<Context = Context<A>>> Kept<A> {
    /// Returns the actor that runs now, if one does.
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another one in its place.
    pub fn set(&self, addr: Option<Addr<A>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = addr;
    }

    /// Starts the actor and starts it again whenever it dies, until the daemon drains or it dies too often.
    pub async fn keep(self, shared: Arc<Shared>, make: impl Fn(Alive) -> A) {
        let mut restarts = Restarts::default();
        loop {
            let (told, mut death) = mpsc::unbounded_channel();
            self.set(Some(make(Alive::telling(&told, ())).start()));
            // It cannot close: a sender is held here.
            let _ = death.recv().await;
            self.set(None);
            if shared.is_draining() {
                return;
            }
            let name = std::any::type_name::<A>();
            shared.fault(format_args!("the actor {name} died"));
            let now = shared.clock.now();
            match restarts.died(now) {
                Verdict::After(ms) => shared.clock.sleep_until(now.plus_ms(ms)).await,
                Verdict::Tripped => {
                    shared.fault(format_args!("the actor {name} keeps dying and is left alone"));
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_that_keeps_dying_is_left_alone_until_the_window_has_passed() {
        let mut restarts = Restarts::default();
        let verdicts: Vec<Verdict> = (0..6).map(|n| restarts.died(TimestampMs(n * 1000))).collect();
        assert_eq!(verdicts[0], Verdict::After(0));
        assert_eq!(verdicts[4], Verdict::After(800));
        assert_eq!(verdicts[5], Verdict::Tripped);
        assert!(restarts.is_tripped(TimestampMs(59_999)));
        assert!(!restarts.is_tripped(TimestampMs(60_000)));
        assert_eq!(restarts.died(TimestampMs(70_000)), Verdict::After(0));
    }
}
