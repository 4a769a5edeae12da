//! Tells when the time for a connection's hello is over.
//!
//! The limit is the same for all, so the connections wait in the order in which they came. Nobody takes a
//! connection out when its hello came: its turn comes, and its machine does nothing.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tieline_plugin_sdk::SocketId;

/// The timer and its thread, which sleeps as long as no connection waits.
#[derive(Debug)]
pub struct HelloTimer {
    limit: Duration,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Instant, SocketId)>,
    is_stopped: bool,
}

impl HelloTimer {
    /// Starts the timer; `overdue` is called on its thread for each connection whose time is over.
    pub fn start(limit: Duration, overdue: impl Fn(SocketId) + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let thread = thread::Builder::new().name("ws-hello".to_owned()).spawn({
            let queue = queue.clone();
            move || {
                while let Some(socket) = queue.next() {
                    overdue(socket);
                }
            }
        })?;
        Ok(Self { limit, queue, thread: Mutex::new(Some(thread)) })
    }

    /// Begins to wait for the hello of a connection.
    pub fn watch(&self, socket: SocketId) {
        let mut state = self.queue.lock();
        state.waiting.push_back((Instant::now() + self.limit, socket));
        if state.waiting.len() == 1 {
            self.queue.changed.notify_one();
        }
    }

    /// Ends the thread and waits for it. Doing it twice is harmless.
    pub fn stop(&self) {
        self.queue.lock().is_stopped = true;
        self.queue.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that watches for hellos panicked");
        }
    }
}

impl Drop for HelloTimer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next connection whose time is over; `None` once stopped.
    fn next(&self) -> Option<SocketId> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            let Some((due, socket)) = state.waiting.front().copied() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting.pop_front();
                return Some(socket);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn connections_are_told_in_their_order_and_stop_ends_the_thread() {
        let (told, overdue) = mpsc::channel();
        let timer = HelloTimer::start(Duration::from_millis(20), move |socket| told.send(socket).unwrap()).unwrap();
        let start = Instant::now();
        timer.watch(SocketId(1));
        timer.watch(SocketId(2));
        for number in [1, 2] {
            assert_eq!(overdue.recv_timeout(Duration::from_secs(10)), Ok(SocketId(number)));
        }
        assert!(start.elapsed() >= Duration::from_millis(20));

        timer.watch(SocketId(3));
        timer.stop();
        timer.stop();
        // The thread is gone, and with it the sender.
        assert_eq!(overdue.recv(), Err(mpsc::RecvError));
    }
}
