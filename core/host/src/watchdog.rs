//! Gives up calls that do not return.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    lock,
    slot::{Shared, Slot},
    status::Problem,
};

/// Beyond the time that a plugin has to stop, for what the host itself does meanwhile.
const GRACE: Duration = Duration::from_millis(250);

/// Ends the watchdog's thread.
#[derive(Debug, Default)]
pub(crate) struct Leash {
    ended: Mutex<bool>,
    wake: Condvar,
}

impl Leash {
    pub(crate) fn end(&self) {
        *lock(&self.ended) = true;
        self.wake.notify_all();
    }

    /// Waits; false when it is over.
    fn wait(&self, pause: Duration) -> bool {
        let ended = lock(&self.ended);
        let (ended, _) =
            self.wake.wait_timeout_while(ended, pause, |ended| !*ended).unwrap_or_else(PoisonError::into_inner);
        !*ended
    }
}

/// Begins to watch.
pub(crate) fn spawn(shared: Arc<Shared>, leash: Arc<Leash>) -> std::io::Result<()> {
    let shortest = shared.settings.call_limit.min(shared.settings.stop_limit);
    let pause = (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1));
    std::thread::Builder::new().name("plugin-watchdog".to_owned()).spawn(move || {
        while leash.wait(pause) {
            for slot in shared.slots() {
                look(&shared, &slot);
            }
        }
    })?;
    Ok(())
}

fn look(shared: &Shared, slot: &Slot) {
    let Some((word, step, elapsed)) = slot.call.running(shared.clock) else { return };
    let settings = &shared.settings;
    let stopping = slot.stop_since();
    let (over, limit) = match stopping {
        Some(since) => (Instant::now().duration_since(since) > settings.stop_limit + GRACE, settings.stop_limit),
        None => (elapsed > settings.call_limit, settings.call_limit),
    };
    if over && slot.call.give_up(word) {
        let what = match stopping {
            Some(_) => "it did not stop",
            None => "the call did not return",
        };
        let reason = format!(
            "{what} within {limit:?} (in `{}`); its thread was left behind, and it runs again when the daemon does",
            step.as_str()
        );
        slot.abandon(shared, Problem::new(step, reason));
    }
}
