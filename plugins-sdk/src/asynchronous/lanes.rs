//! What belongs together is done in order, and everything else at the same time.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    rc::Rc,
};

use tokio::task::spawn_local;

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// The messages and frames of a link.
    Link(u64),
    /// A timer.
    Timer(u64),
}

type Job = Pin<Box<dyn Future<Output = ()>>>;

/// The jobs that wait for their lane. A lane that is there has a task that works on it.
#[derive(Clone, Default)]
pub(super) struct Lanes(Rc<RefCell<HashMap<Lane, VecDeque<Job>>>>);

impl Lanes {
    /// Does a job after those that are in its lane already.
    pub(super) fn push(&self, lane: Lane, job: impl Future<Output = ()> + 'static) {
        let job: Job = Box::pin(job);
        if let Some(waiting) = self.0.borrow_mut().get_mut(&lane) {
            return waiting.push_back(job);
        }
        self.0.borrow_mut().insert(lane, VecDeque::new());
        spawn_local(self.clone().work(lane, job));
    }

    async fn work(self, lane: Lane, first: Job) {
        let mut job = first;
        loop {
            job.await;
            let mut lanes = self.0.borrow_mut();
            match lanes.get_mut(&lane).and_then(VecDeque::pop_front) {
                Some(next) => job = next,
                None => {
                    lanes.remove(&lane);
                    return;
                }
            }
        }
    }
}
