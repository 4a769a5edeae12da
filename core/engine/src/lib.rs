//! The engine: one way in, one way out, and actors that carry out what pure functions decide.
//!
//! A command enters through [`Door`], waits in its session's actor, is decided and written inside the writer's
//! transaction ([`job`], [`decide`]), and only after the commit the [`router`] answers and wakes the peers.
#![forbid(unsafe_code)]

pub mod auth;
mod brakes;
mod calendar;
pub mod clock;
mod credential;
mod decide;
mod door;
mod effect;
mod engine;
pub mod export;
pub mod feed;
mod hand_over;
mod incidents;
mod job;
mod kv;
mod line;
mod links;
mod mesh;
mod metrics;
pub mod observe;
mod operate;
mod peer;
mod plugin_metrics;
mod plugin_principals;
pub mod plugins;
pub mod port;
pub mod presence;
mod purge;
mod query;
mod rate;
mod redaction;
mod request;
mod retention;
mod router;
mod runtimes;
mod scheduler;
pub mod search;
pub mod secrets;
mod services;
mod session;
mod shared;
mod supervise;

pub use door::Door;
pub use engine::{Engine, StartError};
pub use links::{LinkInput, Links};
pub use shared::Shared;
