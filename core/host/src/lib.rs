//! Loads transports from dynamic libraries, watches over them, and survives them.
//!
//! A plugin earns trust in steps (see `pipeline`), each with a readable failure. Then one thread drives it, and calls the
//! library here, or through a process of its own (see `body`). A panic or the death of that process ends the instance, and
//! a new one is started. A call that does not return is the death of the process; here it ends the plugin. A library is
//! never unloaded: threads and destructors of it may still exist.
//!
//! This crate knows the plugin contract and nothing of what the messages mean.

mod api;
mod body;
mod breaker;
mod callbacks;
mod calls;
mod child;
mod desk;
mod driver;
mod events;
mod file_check;
mod files;
mod hearing;
mod host;
mod inbox;
mod inflight;
mod instance;
mod library;
mod life;
mod local;
mod manifest;
mod marker;
mod output;
mod pen;
mod pipeline;
mod probe;
mod process;
mod queue;
mod remote;
mod service;
mod service_api;
mod settings;
mod slot;
mod stage;
mod status;
mod survey;
mod text;
mod timers;
mod watchdog;
mod webhooks;
mod wire;

pub use child::plugin_host;
pub use events::{Events, Inbound, Metric, Outbound, Socket};
pub use host::{Host, Ticket};
pub use probe::probe;
pub use service::Denied;
pub use settings::{Isolation, Limits, PluginSettings, Settings};
pub use status::{State, Status, Step};
pub use survey::{Declared, Surveyed, survey};
pub use tieline_plugin_sdk::{Kind, limits, schema};
pub use webhooks::{NotTaken, Webhook, Webhooked};

/// Locks, also after a panic elsewhere: every value here is valid between any two statements.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
