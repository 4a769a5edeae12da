//! The thread of one plugin: opens it, drives one instance after the other, and ends.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use crate::{
    Isolation, State, Step,
    body::{Body, Source},
    breaker::Breaker,
    instance::Instance,
    library,
    life::{Fatal, Life},
    manifest::Manifest,
    marker::Marker,
    settings::PluginSettings,
    slot::{Shared, Slot},
    status::Problem,
};

/// What the pipeline has found out before the library is opened here.
pub(crate) struct Job {
    pub path: PathBuf,
    pub manifest: Manifest,
    /// A process of its own cannot take this one down, and needs none.
    pub marker: Option<Arc<Marker>>,
    pub isolation: Isolation,
    pub settings: PluginSettings,
}

impl Job {
    fn loading(&self) -> Result<(), Problem> {
        self.marker.as_ref().map_or(Ok(()), |marker| marker.loading())
    }

    fn clear_marker(&self) {
        if let Some(marker) = &self.marker {
            marker.clear();
        }
    }
}

/// How an instance ended.
pub(crate) enum End {
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
        job.clear_marker();
        slot.set(shared, State::Failed, Some(problem));
    };
    if let Err(problem) = job.loading() {
        return failed(problem);
    }
    let source = match open(shared, slot, job) {
        Ok(Some(source)) => source,
        Ok(None) => return,
        Err(problem) => return failed(problem),
    };
    let mut breaker = Breaker::default();
    let mut has_run = false;
    loop {
        let problem = match live(shared, slot, job, &source, &mut has_run) {
            End::Abandoned => return,
            End::Stopped => {
                job.clear_marker();
                slot.set(shared, State::Stopped, None);
                return;
            }
            // Whoever never ran will not run the next time either.
            End::Refused(problem) if !has_run => return failed(problem),
            End::Refused(problem) | End::Died(problem) => problem,
        };
        // The death was seen and survived.
        job.clear_marker();
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
        if let Err(problem) = job.loading() {
            return failed(problem);
        }
    }
}

/// Opens the library here, when it shall run here. Nothing when that took too long.
fn open<'a>(shared: &Shared, slot: &Slot, job: &'a Job) -> Result<Option<Source<'a>>, Problem> {
    if job.isolation == Isolation::Process {
        return Ok(Some(Source::File(&job.path)));
    }
    let word = slot.call.begin(shared.clock, Step::Open);
    let opened = library::open(&job.path);
    if !slot.call.end(word) {
        return Ok(None);
    }
    let plugin = opened?;
    plugin.manifest.is(&job.manifest)?;
    Ok(Some(Source::Library(plugin.entries)))
}

/// Drives one instance from its creation to its end.
fn live(shared: &Shared, slot: &Slot, job: &Job, source: &Source<'_>, has_run: &mut bool) -> End {
    let instance = Instance::new(job.manifest.name.as_str().into(), Arc::clone(&shared.events), &shared.limits);
    let body = match Body::new(shared, source, &instance) {
        Ok(body) => body,
        Err(problem) => return End::Refused(problem),
    };
    if !slot.begin(&instance, body.process()) {
        return End::Stopped;
    }
    let mut life = Life::new(shared, slot, Arc::clone(&instance), body);
    let result = life.begin(&job.manifest, &job.settings).and_then(|()| {
        *has_run = true;
        drive(&mut life, job)
    });
    finish(life, &instance, result)
}

/// Drives a started instance until it stops or dies.
fn drive(life: &mut Life<'_>, job: &Job) -> Result<(), Fatal> {
    life.slot.set(life.shared, State::Running, None);
    let mut healthy_at = Some(Instant::now() + life.shared.limits.healthy_after);
    loop {
        let turn = life.next(healthy_at)?;
        if healthy_at.is_some_and(|at| at <= Instant::now()) {
            job.clear_marker();
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
pub(crate) fn finish(mut life: Life<'_>, instance: &Arc<Instance>, result: Result<(), Fatal>) -> End {
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
        // It has not stopped properly, so threads of it may be alive: its memory stays, or ends with its process.
        Ok(false) => {
            drop(life);
            Ok(())
        }
        Err(fatal) => {
            drop(life);
            Err(fatal)
        }
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
