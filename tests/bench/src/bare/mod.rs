//! Ceilings: the same work without the daemon, measured in the same run.

pub mod append;
pub mod commit;
pub mod echo;
mod store;
