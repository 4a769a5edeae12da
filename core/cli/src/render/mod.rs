//! Replies as text for people. Pure: values in, text out.
//!
//! Everything that a peer wrote goes through [`words`] or [`line`], so that no text steers a terminal.

mod activity;
mod bundle;
mod event;
mod failure;
mod file;
mod job;
mod keep;
mod memory;
mod message;
mod needs;
mod other;
mod plugin;
mod runtime;
mod schedule;
mod search;
mod session;
mod style;
mod table;
mod time;
mod trace;

use tieline_model::{Lane, Reply, TimestampMs};

pub use bundle::{OpenAsk, Work, bundle};
pub use event::event;
pub use failure::failure;
pub use message::{accepted, accepted_many, item};
pub use other::created;
pub use plugin::log_record;
pub use style::{Paint, Style};
pub use table::{Cell, table};
pub use time::{ago, clock, span, stamp};
pub use trace::paint;

/// Renders any reply.
pub fn reply(reply: &Reply, style: &Style, now: TimestampMs) -> String {
    match reply {
        Reply::Done(_) => "done".into(),
        Reply::Accepted(reply) => accepted("accepted", reply, style),
        Reply::AcceptedMany(reply) => accepted_many(reply, style),
        Reply::Session(view) => session::session(view, style, now),
        Reply::Sessions(page) => session::sessions(page, style),
        Reply::Why(reply) => session::why(reply, style, now),
        Reply::Attached(reply) => other::attached(reply),
        Reply::Peers(reply) => other::peers(reply, style, now),
        Reply::Inbox(page) => message::inbox(page, style, now),
        Reply::Trace(reply) => trace::trace(reply, style),
        Reply::Transcripts(reply) => activity::transcripts(reply),
        Reply::Recorded(recorded) => activity::recorded(recorded),
        Reply::Purged(view) => keep::purged(view),
        Reply::Imported(view) => keep::imported(view),
        Reply::Thread(reply) => needs::thread(reply, style),
        Reply::Needs(reply) => needs::needs(reply, style, now),
        Reply::Timeline(page) => event::timeline(page, style),
        Reply::Schedule(view) => schedule::schedule(view, style),
        Reply::Schedules(page) => schedule::schedules(page, style),
        Reply::ScheduleRun(view) => schedule::run(view, style),
        Reply::ScheduleRuns(page) => schedule::runs(page, style),
        Reply::Found(page) => search::found(page, style),
        Reply::Recalled(recalled) => words(recalled.digest.trim_end()),
        Reply::Job(view) => job::job(view, style),
        Reply::Jobs(page) => job::jobs(page, style),
        Reply::JobTaken(reply) => job::taken(reply, style),
        Reply::MemoryRecorded(view) => memory::recorded(view),
        Reply::MemoryProposal(view) => memory::proposal(view, style),
        Reply::Memory(view) => memory::memory(view, style),
        Reply::MemoryDiff(view) => memory::diff(view),
        Reply::MemoryLog(view) => memory::log(view, style),
        Reply::Reported(reply) => runtime::reported(reply),
        Reply::RuntimeFound(reply) => runtime::found(reply),
        Reply::IdleWatched(reply) => runtime::watched(reply, now),
        Reply::FileLeased(reply) => file::leased(reply, style, now),
        Reply::FileReleased(reply) => file::released(reply),
        Reply::FileLeases(reply) => file::list(reply, style, now),
        Reply::Whoami(reply) => other::whoami(reply, style, now),
        Reply::TokenCreated(reply) => other::token_created(reply, style),
        Reply::Tokens(reply) => other::tokens(reply, style, now),
        Reply::Plugins(reply) => plugin::plugins(reply, style),
        Reply::Plugin(view) => plugin::plugin(view, style, now),
        Reply::PluginLogs(reply) => plugin::logs(reply, style),
    }
}

/// Returns the name of a lane.
pub fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Ctl => "ctl",
        Lane::Msg => "msg",
        Lane::Bulk => "bulk",
    }
}

/// Makes a text safe to show, over several lines if it has them.
pub fn words(text: &str) -> String {
    tieline_model::text::printable(text)
}

/// Makes a text safe to show within one line.
pub fn line(text: &str) -> String {
    words(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Makes a text safe to show and moves each of its lines to the right, so that none can pass for one of ours.
pub fn indented(text: &str) -> String {
    words(text).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
pub mod testing;
