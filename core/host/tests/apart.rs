//! What holds of a plugin inside the daemon holds of one in a process of its own.

#[path = "flow.rs"]
mod flow;
#[path = "services.rs"]
mod services;
