//! A world to write scenarios in: a whole engine over a real file, with a clock that a test moves by hand and
//! a transport that remembers what it was given.
//!
//! Start at [`World::start`]; `scenarios/an_ask_is_answered.rs` shows the rest. For tests of the real process start
//! at [`daemon::Daemon::start`].
#![forbid(unsafe_code)]

mod client;
pub mod corpus;
pub mod daemon;
pub mod http;
mod job;
mod keep;
mod outcome;
pub mod port;
mod python;
pub mod rng;
mod schedule;
pub mod socket;
mod wait;
mod world;

pub use client::Client;
pub use job::{done, failed, job};
pub use keep::{import, purge};
pub use outcome::{Outcomes, notice, texts};
pub use port::{Heard, Recorder};
pub use python::python;
pub use schedule::{schedule, skipped, story};
pub use wait::{LIMIT, eventually};
pub use world::{World, address, ask, notify};
