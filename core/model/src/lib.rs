//! The words and rules of Tieline, and nothing that does anything.
//!
//! This crate is pure: no I/O, no clock, no async, no actors, no SQL. It holds the one [`Command`]
//! enum that every surface speaks, the [`Outcome`] that comes back, the [`Event`]s that are kept, and
//! the state machines as functions from a state and an input to a new state and its effects.
//! Carrying effects out is the engine's job; keeping them is the store's.
#![forbid(unsafe_code)]

pub mod address;
pub mod ask;
pub mod command;
pub mod delivery;
pub mod event;
pub mod export;
pub mod file;
pub mod frame;
pub mod ids;
pub mod job;
pub mod memory;
pub mod message;
pub mod order;
pub mod outcome;
pub mod parse;
pub mod plugin;
pub mod principal;
pub mod redact;
pub mod reply;
pub mod rest;
pub mod route;
pub mod runtime;
pub mod schedule;
pub mod schema;
pub mod session;
pub mod text;
pub mod time;

pub use address::Address;
pub use command::Command;
pub use event::{Event, EventBody};
pub use ids::{AskGroupId, FaultId, JobId, LinkId, MessageId, PrincipalId, ProposalId, ScheduleId, SessionId, TokenId};
pub use message::{DeliveryState, Lane, Message, MessageKind, Sender};
pub use outcome::{Code, Failure, Fault, Outcome, Refusal};
pub use principal::{Principal, PrincipalKind, Scope};
pub use reply::Reply;
pub use time::TimestampMs;

/// Tells whether a field with this count is left out.
fn is_zero(count: &u32) -> bool {
    *count == 0
}
