//! One plugin from its file to its end: its status, its current instance, and the clock of the call that it is in.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Events, Limits, Settings, State, Status, Step, api, instance::Instance, lock, marker::Marker, status::Problem,
};

/// What the threads of one host share.
pub(crate) struct Shared {
    pub settings: Settings,
    pub limits: Limits,
    pub events: Arc<dyn Events>,
    pub slots: RwLock<Vec<Arc<Slot>>>,
    /// Who holds a socket.
    pub sockets: RwLock<HashMap<u64, Arc<Instance>>>,
    pub clock: Instant,
}

impl Shared {
    /// Returns every plugin.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
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
    instance: Option<Arc<Instance>>,
    marker: Option<Arc<Marker>>,
    stop_since: Option<Instant>,
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
                instance: None,
                marker: None,
                stop_since: None,
            }),
            changed: Condvar::new(),
            call: Call::default(),
        })
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.inner).status.clone()
    }

    pub(crate) fn name(&self) -> String {
        lock(&self.inner).status.name.clone()
    }

    /// The file was read.
    pub(crate) fn hashed(&self, hash: &blake3::Hash) {
        lock(&self.inner).status.hash = Some(hash.to_hex().to_string());
    }

    /// The manifest is known.
    pub(crate) fn named(&self, name: &str, version: &str, sockets: &[String]) {
        let mut inner = lock(&self.inner);
        inner.status.name = name.to_owned();
        inner.status.version = Some(version.to_owned());
        inner.sockets = sockets.to_vec();
    }

    pub(crate) fn sockets(&self) -> Vec<String> {
        lock(&self.inner).sockets.clone()
    }

    pub(crate) fn keep_marker(&self, marker: Arc<Marker>) {
        lock(&self.inner).marker = Some(marker);
    }

    /// Changes the status and tells everyone. What is final stays.
    pub(crate) fn set(&self, shared: &Shared, state: State, problem: Option<Problem>) -> bool {
        let status = {
            let mut inner = lock(&self.inner);
            if inner.status.state.is_final() {
                return false;
            }
            inner.status.state = state;
            inner.status.since_ms = (shared.settings.now_ms)();
            inner.status.restarts += u32::from(state == State::Restarting);
            (inner.status.step, inner.status.reason) =
                problem.map_or((None, None), |problem| (Some(problem.step), Some(problem.reason)));
            inner.status.clone()
        };
        tell(&status);
        // Whoever waits for a state has to be woken, also when a listener panics.
        let told = catch_unwind(AssertUnwindSafe(|| shared.events.changed(&status)));
        if told.is_err() {
            tracing::error!(plugin.name = status.name, "a listener of plugin events panicked");
        }
        lock(&self.inner).told = state;
        self.changed.notify_all();
        true
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
            if inner.stop_since.is_some() || left.is_zero() {
                return inner.stop_since.is_none();
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the instance under this name, while it lives.
    pub(crate) fn instance_of(&self, plugin: &str) -> Option<Arc<Instance>> {
        let inner = lock(&self.inner);
        inner.instance.as_ref().filter(|instance| &*instance.plugin == plugin && !instance.is_over()).cloned()
    }

    /// A new instance begins. Refused when the plugin shall stop.
    pub(crate) fn begin(&self, instance: &Arc<Instance>) -> bool {
        let mut inner = lock(&self.inner);
        let goes_on = inner.stop_since.is_none() && !inner.status.state.is_final();
        if goes_on {
            inner.instance = Some(Arc::clone(instance));
        }
        goes_on
    }

    /// The plugin shall stop.
    pub(crate) fn stop(&self) {
        let mut inner = lock(&self.inner);
        inner.stop_since.get_or_insert_with(Instant::now);
        if let Some(instance) = &inner.instance {
            instance.queue.stop();
        }
        drop(inner);
        self.changed.notify_all();
    }

    pub(crate) fn stop_since(&self) -> Option<Instant> {
        lock(&self.inner).stop_since
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
        let instance = lock(&self.inner).instance.take();
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
        let instance = lock(&self.inner).instance.clone();
        if let Some(instance) = &instance {
            self.end(shared, instance, 1012, "the transport hangs");
        }
        self.lost(shared);
        // It hangs; it has not taken the process down.
        self.clear_marker();
        self.set(shared, State::Quarantined, Some(problem));
    }
}

fn tell(status: &Status) {
    let Status { name, file, version, state, step, reason, .. } = status;
    let (version, step) = (version.as_deref().unwrap_or("?"), step.map(Step::as_str));
    match (state, reason) {
        (State::Failed | State::Quarantined | State::Restarting, reason) => tracing::warn!(
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

/// The clock of the call that a driver is in. Whoever resets it first, driver or watchdog, has decided.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// 0 = in no call; else the microseconds since the host began, shifted by the step.
    word: AtomicU64,
}

const GIVEN_UP: u64 = u64::MAX;

impl Call {
    /// Begins a call.
    pub(crate) fn begin(&self, clock: Instant, step: Step) -> u64 {
        let micros = u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX >> 8);
        let word = ((micros + 1) << 5) | step as u64;
        self.word.store(word, Ordering::Release);
        word
    }

    /// Ends a call. False when the watchdog has given it up.
    #[must_use]
    pub(crate) fn end(&self, word: u64) -> bool {
        self.word.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Returns the call that is running: its word, its step, and since when.
    pub(crate) fn running(&self, clock: Instant) -> Option<(u64, Step, Duration)> {
        let word = self.word.load(Ordering::Acquire);
        if word == 0 || word == GIVEN_UP {
            return None;
        }
        let since = clock + Duration::from_micros((word >> 5).saturating_sub(1));
        let step = Step::from_index((word & 31) as usize)?;
        Some((word, step, since.elapsed()))
    }

    /// Gives a call up. False when it has ended by itself.
    pub(crate) fn give_up(&self, word: u64) -> bool {
        self.word.compare_exchange(word, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
