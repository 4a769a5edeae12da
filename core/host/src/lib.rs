//! Loads transports from dynamic libraries, watches over them, and survives them.
//!
//! The keeper follows the plugin folder. A plugin earns trust in steps (see `pipeline`), each with a readable failure;
//! what takes another's place is ready before that one is stopped (see `swap`). Then one thread drives it, and calls the
//! library here, or through a process of its own (see `body`). A panic or the death of that process ends the instance, and
//! a new one is started. A call that does not return is the death of the process; here it ends the plugin. A library is
//! never unloaded: threads and destructors of it may still exist.
//!
//! This crate knows the plugin contract and nothing of what the messages mean.

mod api;
mod body;
mod breaker;
mod call;
mod callbacks;
mod calls;
mod child;
mod desk;
mod driver;
mod events;
mod file_check;
mod files;
mod first_party;
mod folder;
#[cfg(test)]
mod fuzz;
mod hearing;
mod host;
mod inbox;
mod inflight;
mod instance;
mod keeper;
mod library;
mod life;
mod local;
mod logs;
mod manifest;
mod marker;
mod operate;
mod operation;
mod output;
mod ownership;
mod pen;
mod pipeline;
mod probe;
mod process;
mod proof;
mod queue;
mod recorder;
mod remote;
mod service;
mod service_api;
mod settings;
mod shared;
mod slot;
mod source;
mod stage;
mod status;
mod survey;
mod swap;
mod text;
mod timers;
mod trust;
mod trust_file;
mod watch;
mod watchdog;
mod webhooks;
mod wire;

pub use child::plugin_host;
pub use events::{Events, Inbound, Metric, Outbound, Socket};
pub use first_party::{FirstParty, FirstPartyPlugin};
pub use folder::libraries;
pub use host::{Host, Ticket};
pub use logs::LogRecord;
pub use operation::{Operation, OperationError};
pub use probe::probe;
pub use service::Denied;
pub use settings::{Isolation, Limits, PluginSettings, Settings, TrustPolicy};
pub use status::{Pending, State, Status, Step, Why};
pub use survey::{Declared, Surveyed, survey};
pub use tieline_plugin_sdk::{Kind, limits, schema};
pub use trust_file::{TrustFile, TrustFileError, Trusted};
pub use webhooks::{NotTaken, Webhook, Webhooked};

/// Locks, also after a panic elsewhere: every value here is valid between any two statements.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
