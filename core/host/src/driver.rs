//! The thread of one plugin: opens it, drives one instance after the other, and ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use crate::{
    State, Step,
    breaker::Breaker,
    instance::Instance,
    library::{self, Plugin},
    life::{Fatal, Life},
    manifest::Manifest,
    marker::Marker,
    slot::{Shared, Slot},
    status::Problem,
};

/// What the pipeline has found out before the library is opened here.
pub(crate) struct Job {
    pub path: PathBuf,
    pub manifest: Manifest,
    pub marker: Arc<Marker>,
    /// JSON.
    pub config: String,
}

/// How an instance ended.
enum End {
    Stopped,
    Died(Problem),
    Refused(Problem),
    Abandoned,
}

/// Begins the thread of a plugin.
pub(crate) fn spawn(shared: &Arc<Shared>, slot: &Arc<Slot>, job: Job) -> Result<(), Problem> {
    let (thread_shared, thread_slot) = (Arc::clone(shared), Arc::clone(slot));
    let name = format!("plugin-{}", job.manifest.name);
    let body = move || {
        let (shared, slot) = (thread_shared, thread_slot);
        let run = catch_unwind(AssertUnwindSafe(|| run(&shared, &slot, &job)));
        if run.is_err() {
            let reason = "the daemon itself failed while it drove the plugin; its thread was left behind";
            slot.abandon(&shared, Problem::new(Step::Thread, reason));
        }
    };
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .map(|_not_joined| ())
        .map_err(|error| Problem::new(Step::Open, format!("failed to begin a thread: {error}")))
}

fn run(shared: &Shared, slot: &Slot, job: &Job) {
    let failed = |problem| {
        job.marker.clear();
        slot.set(shared, State::Failed, Some(problem));
    };
    if let Err(problem) = job.marker.loading() {
        return failed(problem);
    }
    let plugin = match open(shared, slot, job) {
        Ok(Some(plugin)) => plugin,
        Ok(None) => return,
        Err(problem) => return failed(problem),
    };
    let mut breaker = Breaker::default();
    let mut has_run = false;
    loop {
        let problem = match live(shared, slot, job, &plugin, &mut has_run) {
            End::Abandoned => return,
            End::Stopped => {
                job.marker.clear();
                slot.set(shared, State::Stopped, None);
                return;
            }
            // Whoever never ran will not run the next time either.
            End::Refused(problem) if !has_run => return failed(problem),
            End::Refused(problem) | End::Died(problem) => problem,
        };
        // The death was seen and survived.
        job.marker.clear();
        let Some(pause) = breaker.died(Instant::now(), &shared.limits) else {
            let reason = format!("{}; it died {} times and is left alone", problem.reason, shared.limits.deaths);
            slot.set(shared, State::Quarantined, Some(Problem::new(problem.step, reason)));
            return;
        };
        slot.set(shared, State::Restarting, Some(problem));
        if !slot.pause(pause) {
            slot.set(shared, State::Stopped, None);
            return;
        }
        if let Err(problem) = job.marker.loading() {
            return failed(problem);
        }
    }
}

/// Opens the library here. Nothing when that took too long.
fn open(shared: &Shared, slot: &Slot, job: &Job) -> Result<Option<Plugin>, Problem> {
    let word = slot.call.begin(shared.clock, Step::Open);
    let opened = library::open(&job.path);
    if !slot.call.end(word) {
        return Ok(None);
    }
    let plugin = opened?;
    if plugin.manifest != job.manifest {
        return Err(Problem::new(
            Step::Manifest,
            format!(
                "the plugin calls itself `{}` {} here and `{}` {} in the probe",
                plugin.manifest.name, plugin.manifest.version, job.manifest.name, job.manifest.version
            ),
        ));
    }
    Ok(Some(plugin))
}

/// Drives one instance from its creation to its end.
fn live(shared: &Shared, slot: &Slot, job: &Job, plugin: &Plugin, has_run: &mut bool) -> End {
    let instance = Instance::new(plugin.manifest.name.as_str().into(), Arc::clone(&shared.events), &shared.limits);
    if !slot.begin(&instance) {
        return End::Stopped;
    }
    let (life, begun) = Life::begin(shared, slot, plugin, Arc::clone(&instance), &job.config);
    let result = begun.and_then(|()| {
        *has_run = true;
        drive(&life, job)
    });
    finish(life, &instance, result)
}

/// Drives a started instance until it stops or dies.
fn drive(life: &Life<'_>, job: &Job) -> Result<(), Fatal> {
    life.slot.set(life.shared, State::Running, None);
    let mut healthy_at = Some(Instant::now() + life.shared.limits.healthy_after);
    loop {
        let turn = life.instance.queue.next(healthy_at);
        if healthy_at.is_some_and(|at| at <= Instant::now()) {
            job.marker.clear();
            healthy_at = None;
        }
        let is_last = turn.stop && turn.sockets.is_empty() && turn.messages.is_empty();
        life.turn(turn)?;
        if is_last || life.slot.is_out_of_time(life.shared.settings.stop_limit) {
            return Ok(());
        }
    }
}

/// Stops and frees an instance, as far as it lets one.
fn finish(life: Life<'_>, instance: &Arc<Instance>, result: Result<(), Fatal>) -> End {
    let (shared, slot) = (life.shared, life.slot);
    let end = match result {
        Ok(()) => End::Stopped,
        Err(Fatal::Died(problem)) => End::Died(problem),
        Err(Fatal::Refused(problem)) => End::Refused(problem),
        Err(Fatal::Abandoned) => return End::Abandoned,
    };
    let (code, why) = match end {
        End::Stopped => slot.farewell(),
        _ => (1012, "the transport has failed and is started again"),
    };
    // A healthy instance still answers while it stops; of a dead one nothing more is expected.
    if !matches!(end, End::Stopped) {
        slot.end(shared, instance, code, why);
    }
    let limit = shared.settings.stop_limit;
    let left = slot.stop_since().map_or(limit, |since| limit.saturating_sub(since.elapsed()));
    let stopped = life.stop(left);
    slot.end(shared, instance, code, why);
    let gone = match stopped {
        Ok(true) => life.destroy(),
        // It has not stopped properly, so threads of it may be alive: its memory stays.
        Ok(false) => Ok(()),
        Err(fatal) => Err(fatal),
    };
    if let Err(Fatal::Abandoned) = gone {
        return End::Abandoned;
    }
    slot.lost(shared);
    match (end, gone) {
        (End::Stopped, Err(Fatal::Died(problem) | Fatal::Refused(problem))) => {
            tracing::warn!(plugin.name = %instance.plugin, "plugin `{}` failed while it stopped: {}",
                instance.plugin, problem.reason);
            End::Stopped
        }
        (end, _) => end,
    }
}
