//! Gives up calls that do not return.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    Step, lock,
    slot::{Shared, Slot},
    status::Problem,
};

/// Beyond the time that a plugin has to stop, for what the host itself does meanwhile.
const GRACE: Duration = Duration::from_millis(250);

/// How long a process that was killed may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

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
            for slot in shared.watched() {
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
    let (over, limit, what) = match stopping {
        Some(since) => {
            let elapsed = Instant::now().duration_since(since);
            (elapsed.checked_sub(settings.stop_limit + GRACE), settings.stop_limit, "it did not stop")
        }
        None if step == Step::Process => {
            (elapsed.checked_sub(settings.call_limit), settings.call_limit, "it did not answer a heartbeat")
        }
        None => (elapsed.checked_sub(settings.call_limit), settings.call_limit, "the call did not return"),
    };
    let Some(over) = over else { return };
    let what = format!("{what} within {limit:?} (in `{}`)", step.as_str());
    if let Some(process) = slot.process() {
        // Its driver hears that it is gone.
        if process.kill(format!("{what}, so its process was killed")) || over < KILLED {
            return;
        }
    }
    if slot.call.give_up(word) {
        let reason = format!("{what}; its thread was left behind, and it runs again when the daemon does");
        slot.abandon(shared, Problem::new(step, reason));
    }
}
