//! Counters, in the form that Prometheus reads.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tieline_model::{Failure, Outcome, schedule::RunOutcome};

use crate::plugin_metrics::PluginMetrics;

/// What was done how often.
#[derive(Debug, Default)]
pub struct Metrics {
    commands: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    faults: AtomicU64,
    handed_over: AtomicU64,
    /// What became of the instants of schedules: fired, refused, skipped.
    schedules: [AtomicU64; 3],
    /// Those of plugins.
    pub plugins: PluginMetrics,
}

impl Metrics {
    /// Counts a command's outcome.
    pub fn command(&self, name: &'static str, outcome: &Outcome) {
        let result = match outcome {
            Ok(_) => "ok",
            Err(Failure::Refusal(refusal)) => refusal.code.as_str(),
            Err(Failure::Fault(_)) => "fault",
        };
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner).entry((name, result)).or_default() += 1;
    }

    /// Counts a fault.
    pub fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts deliveries handed to links.
    pub fn handed_over(&self, count: usize) {
        self.handed_over.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts what became of instants of schedules.
    pub fn schedule(&self, outcome: &RunOutcome, count: u64) {
        let at = match outcome {
            RunOutcome::Fired { .. } => 0,
            RunOutcome::Refused { .. } => 1,
            RunOutcome::Skipped { .. } => 2,
        };
        self.schedules[at].fetch_add(count, Ordering::Relaxed);
    }

    /// Writes them in the text format of Prometheus
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
    pub fn render(&self, gauges: &[(&str, &str, u64)]) -> String {
        use std::fmt::Write;
        let mut out = String::from(
            "# HELP tieline_commands_total Commands by name and result.\n# TYPE tieline_commands_total counter\n",
        );
        for ((name, result), count) in self.commands.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "tieline_commands_total{{command=\"{name}\",result=\"{result}\"}} {count}");
        }
        out.push_str("# HELP tieline_schedule_runs_total Instants of schedules by outcome.\n");
        out.push_str("# TYPE tieline_schedule_runs_total counter\n");
        for (outcome, count) in ["fired", "refused", "skipped"].iter().zip(&self.schedules) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(out, "tieline_schedule_runs_total{{outcome=\"{outcome}\"}} {count}");
        }
        let counters = [
            ("tieline_faults_total", "Faults of ours.", self.faults.load(Ordering::Relaxed)),
            ("tieline_handed_over_total", "Deliveries handed to links.", self.handed_over.load(Ordering::Relaxed)),
        ];
        for (name, help, value) in counters {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        for (name, help, value) in gauges {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        self.plugins.render(&mut out);
        out
    }
}
