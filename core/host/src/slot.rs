//! One plugin from its file to its end: its status, its current instance, and the clock of the call that it is in.
//!
//! A file that takes another's place is another slot. It waits at its gate, opened and ready, until the one before it
//! has stopped.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub(crate) use crate::shared::Shared;
pub(crate) use crate::status::Why;
use crate::{
    Isolation, Pending, State, Status, Step, api, call::Call, instance::Instance, lock, manifest::Manifest,
    marker::Marker, process::Process, status::Problem,
};

/// How long a plugin that another takes the place of may still hand over what waits.
const DRAIN_BEFORE_SWAP: Duration = Duration::from_millis(100);

/// Returns the state in which a stop leaves a plugin, with a step and a sentence for it.
fn outcome(why: Why) -> (State, Option<Step>, Option<&'static str>) {
    match why {
        Why::End => (State::Stopped, None, None),
        Why::Replaced => (State::Stopped, None, Some("another takes its place")),
        Why::Removed => (State::Stopped, None, Some(REMOVED)),
        Why::Disabled => (State::Disabled, Some(Step::Trust), Some(DISABLED)),
    }
}

const REMOVED: &str = "its file was removed";
/// Said of a plugin that a person has switched off.
pub(crate) const DISABLED: &str = "it was switched off with `tieline plugins disable`";

/// Keeps a driver from its first instance until the plugin before it has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    /// The driver waits before it.
    Reached,
}

/// One plugin.
pub(crate) struct Slot {
    inner: Mutex<Inner>,
    changed: Condvar,
    pub call: Call,
}

struct Inner {
    status: Status,
    /// The state that everyone has been told; whoever waits for a state, waits for this.
    told: State,
    sockets: Vec<String>,
    webhooks: Vec<String>,
    instance: Option<Arc<Instance>>,
    /// Where the instance lives, if not here.
    process: Option<Arc<Process>>,
    marker: Option<Arc<Marker>>,
    stop: Option<(Instant, Why)>,
    gate: Gate,
    /// A thread is left behind in its library, which is not safe to use again.
    is_spoiled: bool,
}

impl Slot {
    pub(crate) fn new(name: String, file: String) -> Arc<Self> {
        let status = Status {
            name,
            file,
            version: None,
            state: State::Starting,
            step: None,
            reason: None,
            why: None,
            isolation: None,
            pid: None,
            hash: None,
            pending: None,
            since_ms: 0,
            restarts: 0,
            reloads: 0,
            swap_gap_us: None,
        };
        Arc::new(Slot {
            inner: Mutex::new(Inner {
                status,
                told: State::Starting,
                sockets: Vec::new(),
                webhooks: Vec::new(),
                instance: None,
                process: None,
                marker: None,
                stop: None,
                gate: Gate::Open,
                is_spoiled: false,
            }),
            changed: Condvar::new(),
            call: Call::default(),
        })
    }

    /// Makes one for what is known of a file already.
    pub(crate) fn like(before: Status) -> Arc<Self> {
        let slot = Slot::new(before.name, before.file);
        {
            let mut inner = lock(&slot.inner);
            inner.status.version = before.version;
            inner.status.reloads = before.reloads;
            inner.status.swap_gap_us = before.swap_gap_us;
        }
        slot
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.inner).status.clone()
    }

    pub(crate) fn name(&self) -> String {
        lock(&self.inner).status.name.clone()
    }

    /// It is on the list now.
    pub(crate) fn entered(&self, now_ms: i64) {
        lock(&self.inner).status.since_ms = now_ms;
    }

    /// Its file has another name now. Tells everyone.
    pub(crate) fn renamed(&self, shared: &Shared, file: &str) {
        let status = {
            let mut inner = lock(&self.inner);
            inner.status.file = file.to_owned();
            inner.status.clone()
        };
        told(shared, &status);
    }

    /// The file was read, or could not be.
    pub(crate) fn hashed(&self, hash: Option<String>) {
        lock(&self.inner).status.hash = hash;
    }

    /// The manifest is known.
    pub(crate) fn named(&self, manifest: &Manifest) {
        let mut inner = lock(&self.inner);
        inner.status.name.clone_from(&manifest.name);
        inner.status.version = Some(manifest.version.clone());
        inner.sockets.clone_from(&manifest.sockets);
        inner.webhooks.clone_from(&manifest.webhooks);
    }

    /// It does not run, but it is known what it calls itself.
    pub(crate) fn known_as(&self, manifest: &Manifest) {
        let mut inner = lock(&self.inner);
        inner.status.name.clone_from(&manifest.name);
        inner.status.version = Some(manifest.version.clone());
    }

    /// Tells whether nothing of it runs: it has come to its end, or nothing of it ever ran.
    pub(crate) fn is_unborn(&self) -> bool {
        let inner = lock(&self.inner);
        inner.instance.is_none() && (inner.status.state.is_final() || inner.status.state == State::Starting)
    }

    pub(crate) fn sockets(&self) -> Vec<String> {
        lock(&self.inner).sockets.clone()
    }

    pub(crate) fn webhooks(&self) -> Vec<String> {
        lock(&self.inner).webhooks.clone()
    }

    /// Returns every path that it has mounted.
    pub(crate) fn paths(&self) -> Vec<String> {
        let inner = lock(&self.inner);
        inner.sockets.iter().chain(&inner.webhooks).cloned().collect()
    }

    /// It is known where it runs.
    pub(crate) fn runs(&self, isolation: Isolation) {
        lock(&self.inner).status.isolation = Some(isolation);
    }

    pub(crate) fn keep_marker(&self, marker: Arc<Marker>) {
        lock(&self.inner).marker = Some(marker);
    }

    /// Changes the status and tells everyone. What is final stays.
    pub(crate) fn set(&self, shared: &Shared, state: State, problem: Option<Problem>) -> bool {
        let (status, is_hidden) = {
            let mut inner = lock(&self.inner);
            if inner.status.state.is_final() {
                return false;
            }
            let why = inner.stop.map(|(_, why)| why).filter(|_| state == State::Stopped);
            let (state, step, sentence) = why.map_or((state, None, None), outcome);
            inner.status.why = why;
            inner.status.state = state;
            inner.status.since_ms = (shared.settings.now_ms)();
            inner.status.restarts += u32::from(state == State::Restarting);
            (inner.status.step, inner.status.reason) = match problem {
                Some(problem) => (Some(problem.step), Some(problem.reason)),
                None => (step, sentence.map(str::to_owned)),
            };
            // One that waits to take another's place is not on the list: its state is nobody's concern yet.
            (inner.status.clone(), inner.gate != Gate::Open)
        };
        if !is_hidden {
            tell(&status);
            told(shared, &status);
        }
        lock(&self.inner).told = status.state;
        self.changed.notify_all();
        true
    }

    /// Says why what is in the folder now has not taken its place, or that this is over. Tells everyone when it is news.
    pub(crate) fn set_pending(&self, shared: &Shared, pending: Option<Pending>) {
        let status = {
            let mut inner = lock(&self.inner);
            if inner.status.pending == pending {
                return;
            }
            inner.status.pending = pending;
            inner.status.clone()
        };
        if let Some(Pending { step, reason, .. }) = &status.pending {
            tracing::warn!(
                plugin.name = status.name,
                plugin.file = status.file,
                plugin.step = step.as_str(),
                "plugin `{}` goes on as it was, and what is in its place now waits: {reason}",
                status.name
            );
        }
        told(shared, &status);
    }

    /// Its file is gone, and it had come to its end before. Tells everyone.
    pub(crate) fn removed(&self, shared: &Shared) {
        let status = {
            let mut inner = lock(&self.inner);
            inner.status.state = State::Stopped;
            (inner.status.step, inner.status.reason) = (None, Some(REMOVED.to_owned()));
            inner.status.why = Some(Why::Removed);
            inner.status.since_ms = (shared.settings.now_ms)();
            inner.status.clone()
        };
        told(shared, &status);
    }

    /// Counts a change of what runs here, and how long nothing ran.
    pub(crate) fn swapped(&self, reloads: u32, gap_us: Option<u64>) {
        let mut inner = lock(&self.inner);
        inner.status.reloads = reloads;
        inner.status.swap_gap_us = gap_us;
    }

    /// Waits until the state is as wanted and everyone has been told. Returns whether it was in time.
    pub(crate) fn wait(&self, until: Option<Instant>, wanted: impl Fn(State) -> bool) -> bool {
        let mut inner = lock(&self.inner);
        while !wanted(inner.told) {
            inner = match until {
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Waits for the pause before a restart. Returns false when it shall stop instead.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut inner = lock(&self.inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if inner.stop.is_some() || left.is_zero() {
                return inner.stop.is_none();
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the instance under this name, while it lives.
    pub(crate) fn instance_of(&self, plugin: &str) -> Option<Arc<Instance>> {
        let inner = lock(&self.inner);
        inner.instance.as_ref().filter(|instance| &*instance.plugin == plugin && !instance.is_over()).cloned()
    }

    /// Returns the instance that is there now.
    pub(crate) fn instance(&self) -> Option<Arc<Instance>> {
        lock(&self.inner).instance.clone()
    }

    /// Returns the process that its instance lives in, if not this one.
    pub(crate) fn process(&self) -> Option<Arc<Process>> {
        lock(&self.inner).process.clone()
    }

    /// A new instance begins, once the gate is open. Refused when the plugin shall stop.
    pub(crate) fn begin(&self, instance: &Arc<Instance>, process: Option<&Arc<Process>>) -> bool {
        let mut inner = lock(&self.inner);
        if inner.gate == Gate::Shut {
            inner.gate = Gate::Reached;
            self.changed.notify_all();
        }
        while inner.gate == Gate::Reached && inner.stop.is_none() {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let goes_on = inner.stop.is_none() && !inner.status.state.is_final();
        if goes_on {
            inner.instance = Some(Arc::clone(instance));
            inner.process = process.cloned();
            inner.status.pid = process.map(|process| process.pid());
        }
        goes_on
    }

    /// Keeps the driver, which has not begun yet, from making an instance.
    pub(crate) fn shut_gate(&self) {
        lock(&self.inner).gate = Gate::Shut;
    }

    /// Waits until the driver is ready to make an instance. False when it has failed before.
    pub(crate) fn wait_at_gate(&self) -> bool {
        let mut inner = lock(&self.inner);
        while inner.gate == Gate::Shut && inner.told == State::Starting {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.told == State::Starting
    }

    /// Lets the driver make its instance.
    pub(crate) fn open_gate(&self) {
        lock(&self.inner).gate = Gate::Open;
        self.changed.notify_all();
    }

    /// The plugin shall stop.
    pub(crate) fn stop(&self, why: Why) {
        let mut inner = lock(&self.inner);
        inner.stop.get_or_insert_with(|| (Instant::now(), why));
        if let Some(instance) = &inner.instance {
            instance.queue.stop();
        }
        drop(inner);
        self.changed.notify_all();
    }

    pub(crate) fn stop_since(&self) -> Option<Instant> {
        lock(&self.inner).stop.map(|(since, _)| since)
    }

    /// Tells whether it has had its time to hand over what waits.
    pub(crate) fn is_out_of_time(&self, stop_limit: Duration) -> bool {
        let Some((since, why)) = lock(&self.inner).stop else { return false };
        let limit = if why == Why::Replaced { DRAIN_BEFORE_SWAP.min(stop_limit / 2) } else { stop_limit / 2 };
        since.elapsed() > limit
    }

    /// Returns the close code and the words for sockets of a plugin that stops.
    pub(crate) fn farewell(&self) -> (u16, &'static str) {
        match lock(&self.inner).stop {
            Some((_, Why::Replaced)) => (1012, "the transport is replaced; connect again"),
            _ => (1001, "the transport was stopped"),
        }
    }

    /// Tells whether it, or what takes its place, is about to take sockets.
    pub(crate) fn is_between_lives(&self) -> bool {
        let inner = lock(&self.inner);
        let is_replaced = inner.stop.is_some_and(|(_, why)| why == Why::Replaced);
        match inner.status.state {
            State::Starting | State::Restarting => true,
            State::Running | State::Stopped => is_replaced,
            _ => false,
        }
    }

    /// Tells whether its library must not be used again.
    pub(crate) fn is_spoiled(&self) -> bool {
        lock(&self.inner).is_spoiled
    }

    /// The instance is over: answers what it owes and closes its sockets. The plugin may still be called to stop.
    pub(crate) fn end(&self, shared: &Shared, instance: &Arc<Instance>, code: u16, why: &str) {
        if instance.end(code, why) {
            let mut held = shared.sockets.write().unwrap_or_else(PoisonError::into_inner);
            held.retain(|_, holder| !Arc::ptr_eq(holder, instance));
        }
    }

    /// Nothing comes from the instance any more. Told once, by the driver or by the watchdog.
    pub(crate) fn lost(&self, shared: &Shared) {
        let (instance, _ends_unlocked) = {
            let mut inner = lock(&self.inner);
            inner.status.pid = None;
            (inner.instance.take(), inner.process.take())
        };
        if let Some(instance) = instance {
            api::close(instance.id);
            shared.events.instance_lost(&instance.plugin);
        }
    }

    /// The marker has no reason to stay.
    pub(crate) fn clear_marker(&self) {
        let marker = lock(&self.inner).marker.clone();
        if let Some(marker) = marker {
            marker.clear();
        }
    }

    /// Leaves a thread that does not come back to itself, and the plugin alone.
    pub(crate) fn abandon(&self, shared: &Shared, problem: Problem) {
        let (instance, process) = {
            let mut inner = lock(&self.inner);
            // A process takes what was left behind along; here it stays.
            inner.is_spoiled = inner.process.is_none();
            (inner.instance.clone(), inner.process.clone())
        };
        if let Some(process) = process {
            process.kill(problem.reason.clone());
        }
        if let Some(instance) = &instance {
            self.end(shared, instance, 1012, "the transport hangs");
        }
        self.lost(shared);
        // It hangs; it has not taken the process down.
        self.clear_marker();
        self.set(shared, State::Quarantined, Some(problem));
    }
}

/// Whoever waits for a state has to be woken, also when a listener panics.
fn told(shared: &Shared, status: &Status) {
    if catch_unwind(AssertUnwindSafe(|| shared.events.changed(status))).is_err() {
        tracing::error!(plugin.name = status.name, "a listener of plugin events panicked");
    }
}

fn tell(status: &Status) {
    let Status { name, file, version, state, step, reason, .. } = status;
    let (version, step) = (version.as_deref().unwrap_or("?"), step.map(Step::as_str));
    match (state, reason) {
        (State::Waiting | State::Failed | State::Quarantined | State::Restarting, reason) => tracing::warn!(
            plugin.name = name,
            plugin.file = file,
            plugin.version = version,
            plugin.step = step,
            "plugin `{name}` is {}: {}",
            state.as_str(),
            reason.as_deref().unwrap_or("no reason is known")
        ),
        (state, _) => tracing::info!(
            plugin.name = name,
            plugin.file = file,
            plugin.version = version,
            "plugin `{name}` is {}",
            state.as_str()
        ),
    }
}
