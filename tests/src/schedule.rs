//! Schedules in a world: made, shown, and what became of their instants.

use std::{sync::Arc, time::Duration};

use tieline_model::{
    Command, Outcome, Principal, ScheduleId, TimestampMs,
    command::{ScheduleCreate, ScheduleHistory, ScheduleRef},
    reply::{Reply, ScheduleRunView, ScheduleView},
    schedule::{Misfire, Overlap, RunOutcome, SkipReason},
};

use crate::{World, outcome::Outcomes, wait::eventually};

/// A schedule with everything as usual.
pub fn schedule(when: &str, command: Command) -> ScheduleCreate {
    ScheduleCreate {
        when: when.to_owned(),
        command: Box::new(command),
        session: None,
        title: None,
        zone: None,
        until: None,
        max_runs: None,
        misfire: Misfire::Once,
        catch_up_ms: None,
        overlap: Overlap::Skip,
        dry_run: false,
    }
}

/// What became of instants, as letters for fired (`f`), refused (`r`) and skipped (`s`) and the distance from `start` in
/// seconds.
pub fn story(runs: &[ScheduleRunView], start: TimestampMs) -> Vec<String> {
    let told = |run: &ScheduleRunView| {
        let what = match &run.outcome {
            RunOutcome::Fired { .. } => "fired".to_owned(),
            RunOutcome::Refused { code, .. } => code.as_str().to_owned(),
            RunOutcome::Skipped { reason } => reason.as_str().to_owned(),
        };
        format!("{} {what}", (run.nominal_ms.0 - start.0) / 1000)
    };
    runs.iter().rev().map(told).collect()
}

/// The instants that were skipped for a reason.
pub fn skipped(runs: &[ScheduleRunView], reason: SkipReason) -> usize {
    runs.iter().filter(|run| run.outcome == RunOutcome::Skipped { reason }).count()
}

impl World {
    /// Makes a schedule.
    pub async fn schedule(&self, by: &Arc<Principal>, create: ScheduleCreate) -> ScheduleView {
        match self.call(by, Command::ScheduleCreate(create)).await.reply() {
            Reply::Schedule(view) => view,
            other => panic!("wanted a schedule, found {other:?}"),
        }
    }

    /// Steers a schedule by one of the commands that take nothing but its id.
    pub async fn steer(
        &self,
        by: &Arc<Principal>,
        command: fn(ScheduleRef) -> Command,
        schedule: ScheduleId,
    ) -> Outcome {
        self.call(by, command(ScheduleRef { schedule })).await
    }

    /// Shows a schedule.
    pub async fn shown(&self, by: &Arc<Principal>, schedule: ScheduleId) -> ScheduleView {
        match self.steer(by, Command::ScheduleGet, schedule).await.reply() {
            Reply::Schedule(view) => view,
            other => panic!("wanted a schedule, found {other:?}"),
        }
    }

    /// Reads what became of the instants of a schedule, newest first.
    pub async fn runs(&self, by: &Arc<Principal>, schedule: ScheduleId) -> Vec<ScheduleRunView> {
        let (mut runs, mut before_ms) = (Vec::new(), None);
        loop {
            let history = ScheduleHistory { schedule, before_ms, limit: Some(500) };
            let Reply::ScheduleRuns(page) = self.call(by, Command::ScheduleHistory(history)).await.reply() else {
                panic!("wanted a history")
            };
            before_ms = page.runs.last().map(|run| run.nominal_ms);
            runs.extend(page.runs);
            if !page.has_more {
                return runs;
            }
        }
    }

    /// Waits until so many instants were dealt with, and returns them, newest first.
    pub async fn wait_runs(&self, by: &Arc<Principal>, schedule: ScheduleId, count: usize) -> Vec<ScheduleRunView> {
        eventually("the instants were dealt with", || async {
            Some(self.runs(by, schedule).await).filter(|runs| runs.len() >= count)
        })
        .await
    }

    /// Moves the clock in steps, so that each instant of a schedule is its own.
    pub async fn pass(&self, steps: u32, by: Duration) {
        for _ in 0..steps {
            self.advance(by).await;
        }
    }
}
