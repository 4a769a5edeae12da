//! The commands about schedules.

use clap::{ArgGroup, Args, Subcommand};
use tieline_model::{
    Address, ScheduleId,
    schedule::{Misfire, Overlap},
};

use super::value;

/// `tieline schedule`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tieline schedule add 'weekdays 09:00 Europe/Berlin' --ask review 'What is open?'
  tieline schedule add 'in 10m' --notify self 'look at the build'
  tieline schedule list

What a time may look like, and what becomes of missed instants: docs/schedules.md.")]
pub struct Schedule {
    /// What to do
    #[command(subcommand)]
    pub verb: ScheduleVerb,
}

/// One command about schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleVerb {
    /// Have a command given at a time, or again and again
    Add(Box<AddSchedule>),
    /// List the schedules in reach
    List(ListSchedules),
    /// Show one schedule with its next five times
    #[command(after_help = "Example:\n  tieline schedule show sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Show(OneSchedule),
    /// Pause a schedule; instants until it is resumed are left out
    #[command(after_help = "Example:\n  tieline schedule pause sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Pause(OneSchedule),
    /// Resume a schedule that was paused
    #[command(after_help = "Example:\n  tieline schedule resume sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Resume(OneSchedule),
    /// Give the command of a schedule now, out of turn
    #[command(after_help = "Example:\n  tieline schedule run sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Run(OneSchedule),
    /// End a schedule for good
    #[command(after_help = "Example:\n  tieline schedule remove sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f")]
    Remove(OneSchedule),
    /// Read what became of its instants, with lateness and misses
    History(ScheduleRuns),
}

/// `tieline schedule add`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true),
    after_help = "\
Examples:
  tieline schedule add 'every 15m' --notify @watcher 'check the queue'
  tieline schedule add 'every day at 09:00' --zone Europe/Berlin --ask review 'What is open?' --overlap buffer-one
  tieline schedule add '0 9 * * 1-5' --notify self 'stand-up' --max-runs 10 --dry-run
  tieline schedule add 'at 18:00' --command '{\"session_close\":{\"session\":\"scratch\"}}'

Times: in 10m; at 14:30; tomorrow 09:00; every 15m; every day at 09:00; weekdays 09:00 Europe/Berlin; mondays 08:30;
2026-12-01T09:00:00Z; 0 9 * * 1-5. It says what was understood."
)]
pub struct AddSchedule {
    /// When
    pub when: String,
    /// Tell this session the text; `self` is the session that the schedule belongs to
    #[arg(long, value_name = "TO", group = "what", requires = "text")]
    pub notify: Option<Address>,
    /// Ask this session the text
    #[arg(long, value_name = "TO", group = "what", requires = "text")]
    pub ask: Option<Address>,
    /// Give this command, as JSON; - reads it from standard input
    #[arg(long, value_name = "JSON", group = "what", conflicts_with = "text")]
    pub command: Option<String>,
    /// The text for --notify and --ask; - reads it from standard input
    pub text: Option<String>,
    /// The session that it belongs to; your home by default
    #[arg(long)]
    pub session: Option<Address>,
    /// What to call it
    #[arg(long)]
    pub title: Option<String>,
    /// The IANA time zone of the times; that of the daemon by default
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// No instant after this one
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    pub max_runs: Option<u64>,
    /// What becomes of instants at which the daemon could do nothing: once, skip or all:NUMBER
    #[arg(long, value_name = "POLICY", default_value = "once", value_parser = misfire)]
    pub misfire: Misfire,
    /// What becomes of an instant while the ask of an earlier one is open
    #[arg(long, value_name = "POLICY", default_value = "skip", value_parser = overlaps())]
    pub overlap: Overlap,
    /// How far back missed instants are looked at, as in 24h
    #[arg(long, value_name = "SPAN", value_parser = value::span)]
    pub catch_up: Option<std::time::Duration>,
    /// Show the next times and make nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `tieline schedule list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tieline schedule list\n  tieline schedule list review --all")]
pub struct ListSchedules {
    /// Only those of this session
    pub session: Option<Address>,
    /// Those that have ended too
    #[arg(long)]
    pub all: bool,
    /// At most so many, 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
    /// Only those after this one
    #[arg(long, value_name = "SCHEDULE_ID")]
    pub after: Option<ScheduleId>,
}

/// Names one schedule.
#[derive(Debug, Args)]
pub struct OneSchedule {
    /// Which schedule
    pub id: ScheduleId,
}

/// `tieline schedule history`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tieline schedule history sch_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f --limit 20")]
pub struct ScheduleRuns {
    /// Which schedule
    pub id: ScheduleId,
    /// Only instants before this one, in milliseconds since 1970
    #[arg(long, value_name = "MS")]
    pub before: Option<i64>,
    /// At most so many, 1 to 500
    #[arg(long)]
    pub limit: Option<u32>,
}

fn misfire(text: &str) -> Result<Misfire, String> {
    match text.split_once(':') {
        None if text == "once" => Ok(Misfire::Once),
        None if text == "skip" => Ok(Misfire::Skip),
        Some(("all", max)) => {
            let max = max.parse().map_err(|_| format!("`{max}` is no number; wanted as in all:10"))?;
            Ok(Misfire::All { max })
        }
        _ => Err(format!("`{text}` is no policy; wanted once, skip or all:NUMBER, as in all:10")),
    }
}

fn overlaps() -> impl clap::builder::TypedValueParser<Value = Overlap> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(["skip", "buffer-one", "allow"]).map(|word| match word.as_str() {
        "buffer-one" => Overlap::BufferOne,
        "allow" => Overlap::Allow,
        _ => Overlap::Skip,
    })
}
