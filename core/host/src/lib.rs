//! Loads transports from dynamic libraries, watches over them, and survives them.
//!
//! The keeper follows the plugin folder. A plugin earns trust in steps (see `pipeline`), each with a readable failure;
//! what takes another's place is ready before that one is stopped (see `swap`). Then one thread drives it. A panic ends
//! the instance and a new one is started; a call that does not return ends the plugin. A library is never unloaded:
//! threads and destructors of it may still exist.
//!
//! This crate knows the plugin contract and nothing of what the messages mean.

mod api;
mod breaker;
mod call;
mod driver;
mod events;
mod file_check;
mod files;
mod first_party;
mod folder;
mod host;
mod inbox;
mod inflight;
mod instance;
mod keeper;
mod library;
mod life;
mod logs;
mod manifest;
mod marker;
mod operate;
mod operation;
mod ownership;
mod pipeline;
mod probe;
mod proof;
mod queue;
mod recorder;
mod settings;
mod shared;
mod slot;
mod source;
mod stage;
mod status;
mod swap;
mod trust;
mod trust_file;
mod watch;
mod watchdog;

pub use events::{Events, Inbound, Outbound, Socket};
pub use first_party::{FirstParty, FirstPartyPlugin};
pub use host::Host;
pub use logs::LogRecord;
pub use operation::{Operation, OperationError};
pub use probe::probe;
pub use settings::{Limits, PluginSettings, Settings, TrustPolicy};
pub use status::{Pending, State, Status, Step};
pub use tieline_plugin_sdk::Kind;
pub use trust_file::{TrustFile, TrustFileError, Trusted};

/// Locks, also after a panic elsewhere: every value here is valid between any two statements.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
