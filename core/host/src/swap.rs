//! Starts what is ready, in the place of what ran before.
//!
//! The new one is opened before the old one is told to stop, and if it does not start, the old one is started again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Pending, State, driver,
    folder::Found,
    keeper::{Entry, Keeper, note_spoiled},
    pipeline::Ready,
    slot::{Slot, Why},
    status::Problem,
};

/// A library is never unloaded; after so many it is worth a word.
const MANY_RELOADS: u32 = 64;
/// Beyond the limit for stopping; the watchdog ends each plugin well before.
const GRACE: Duration = Duration::from_secs(2);

impl Keeper {
    /// Starts a content that has come through the pipeline.
    pub(crate) fn run(&mut self, found: &Found, ready: Ready) {
        let Some(entry) = self.entries.get(&found.file) else { return };
        if entry.is_alive() { self.swap(found, ready) } else { self.start(found, ready) }
    }

    /// Stops a plugin, and waits until it has come to its end.
    pub(crate) fn stop(&mut self, slot: &Slot, why: Why) {
        self.has_room = true;
        slot.stop(why);
        slot.wait(Some(Instant::now() + self.shared.settings.stop_limit + GRACE), State::is_final);
    }

    /// Starts what nothing runs in the place of.
    fn start(&mut self, found: &Found, ready: Ready) {
        let Some(old) = self.entries.remove(&found.file) else { return };
        note_spoiled(&mut self.spoiled, &old);
        let before = old.slot.status();
        let is_first = before.state == State::Starting;
        let slot = if is_first { Arc::clone(&old.slot) } else { self.slot(found, &ready) };
        describe(&slot, &ready);
        // One that never came so far was not loaded before.
        slot.swapped(before.reloads + u32::from(old.ready.is_some()), before.swap_gap_us);
        if !self.shared.enter(&slot, Some(&old.slot)) {
            return;
        }
        match driver::spawn(&self.shared, &slot, ready.job()) {
            // Bounded by the watchdog.
            Ok(()) => {
                slot.wait(None, |state| state != State::Starting);
            }
            Err(problem) => {
                slot.set(&self.shared, State::Failed, Some(problem));
            }
        }
        self.entries.insert(found.file.clone(), Entry::new(found, &slot, Some(ready)));
        if slot.status().state == State::Running {
            self.settle(&found.file);
        }
    }

    /// Puts a content in the place of what runs.
    fn swap(&mut self, found: &Found, ready: Ready) {
        let Some(old) = self.entries.remove(&found.file) else { return };
        let new = self.slot(found, &ready);
        new.shut_gate();
        // It has come this far; and from now on the marker is the new one's.
        old.slot.clear_marker();
        // The watchdog sees it, and nobody else yet.
        self.shared.set_coming(Some(&new));
        let opened = driver::spawn(&self.shared, &new, ready.job());
        let is_open = opened.is_ok() && new.wait_at_gate();
        self.shared.set_coming(None);
        if !is_open {
            let problem = opened.err().unwrap_or_else(|| problem_of(&new));
            note_spoiled(&mut self.spoiled, &Entry::new(found, &new, Some(ready.clone())));
            return self.keep(found, old, &ready, problem);
        }

        let begun = Instant::now();
        self.stop(&old.slot, Why::Replaced);
        note_spoiled(&mut self.spoiled, &old);
        let reloads = old.slot.status().reloads + 1;
        if !self.shared.enter(&new, Some(&old.slot)) {
            return new.stop(Why::End);
        }
        new.open_gate();
        new.wait(None, |state| state != State::Starting);
        if new.status().state == State::Running {
            let gap = begun.elapsed();
            new.swapped(reloads, u64::try_from(gap.as_micros()).ok());
            self.entries.insert(found.file.clone(), Entry::new(found, &new, Some(ready)));
            self.settle(&found.file);
            return report(&new, reloads, gap);
        }
        let problem = problem_of(&new);
        self.stop(&new, Why::Replaced);
        self.back_to(found, old, &new, &ready, problem, begun);
    }

    /// Starts the earlier content again: the later one has failed after it had been stopped.
    fn back_to(&mut self, found: &Found, old: Entry, new: &Arc<Slot>, ready: &Ready, problem: Problem, begun: Instant) {
        let Some(earlier) = old.ready else { return };
        let slot = self.slot(found, &earlier);
        if !self.shared.enter(&slot, Some(new)) {
            return;
        }
        match driver::spawn(&self.shared, &slot, earlier.job()) {
            Ok(()) => {
                slot.wait(None, |state| state != State::Starting);
            }
            Err(problem) => {
                slot.set(&self.shared, State::Failed, Some(problem));
            }
        }
        slot.swapped(old.slot.status().reloads + 1, u64::try_from(begun.elapsed().as_micros()).ok());
        let again = Entry::new(found, &slot, Some(earlier));
        note_spoiled(&mut self.spoiled, &Entry::new(found, new, Some(ready.clone())));
        self.keep(found, again, ready, problem);
    }

    /// What runs goes on, and says why the later content does not take its place.
    fn keep(&mut self, found: &Found, old: Entry, ready: &Ready, problem: Problem) {
        let Problem { step, reason } = problem;
        let hash = Some(ready.hash.to_hex().to_string());
        old.slot.set_pending(&self.shared, Some(Pending { hash, step, reason }));
        self.entries.insert(found.file.clone(), Entry::new(found, &old.slot, old.ready));
    }

    fn slot(&self, found: &Found, ready: &Ready) -> Arc<Slot> {
        let slot = Slot::new(ready.manifest.name.clone(), found.file.clone());
        describe(&slot, ready);
        slot
    }
}

fn describe(slot: &Slot, ready: &Ready) {
    slot.hashed(Some(ready.hash.to_hex().to_string()));
    slot.named(&ready.manifest);
    slot.runs(ready.isolation);
    if let Some(marker) = &ready.marker {
        slot.keep_marker(Arc::clone(marker));
    }
}

/// Says why a plugin does not run.
fn problem_of(slot: &Slot) -> Problem {
    let status = slot.status();
    let reason = status.reason.unwrap_or_else(|| "it was stopped before it ran".to_owned());
    Problem::new(status.step.unwrap_or(crate::Step::Start), reason)
}

fn report(slot: &Slot, reloads: u32, gap: Duration) {
    let status = slot.status();
    let name = &status.name;
    tracing::info!(
        plugin.name = name,
        plugin.version = status.version,
        plugin.hash = status.hash,
        reloads,
        swap_gap_ms = gap.as_secs_f64() * 1000.0,
        "plugin `{name}` was replaced"
    );
    if reloads.is_multiple_of(MANY_RELOADS) {
        tracing::warn!(
            plugin.name = name,
            "plugin `{name}` was loaded {reloads} times; each leaves its code in memory until the daemon is started again"
        );
    }
}
