//! Connecting agent programs: which there are, what would change in their files, and how that is written and undone.

mod plan;
mod programs;
mod record;
mod show;
#[cfg(test)]
mod tests;
mod undo;
mod write;

pub use plan::{Change, Plan, plan, read, without_us};
pub use programs::{Found, find, mesh, own_program, roots, user_home, wiring};
pub use record::Record;
pub use show::diff;
pub use undo::{undo, undone};
pub use write::{clean, replace, write_all};
