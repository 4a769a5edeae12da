//! The daemon's HTTP: one set of routes and one authentication, on a Unix socket and on loopback TCP.
//!
//! Every surface reads its input, asks the engine's door, and renders the outcome.
#![forbid(unsafe_code)]

mod answer;
mod commands;
mod events;
mod limits;
pub mod mcp;
mod openapi;
mod resources;
mod routes;
mod security;
mod serve;
mod sockets;
mod webhooks;

pub use routes::{ROUTES, reserved_paths};
pub use serve::{Listeners, ServeError, Server, State};
