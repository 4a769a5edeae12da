//! What holds of a plugin inside the daemon holds of one in a process of its own.
// Each file is a test of its own elsewhere.
#![allow(clippy::duplicate_mod)]

#[path = "flow.rs"]
mod flow;
#[path = "replace.rs"]
mod replace;
#[path = "services.rs"]
mod services;
