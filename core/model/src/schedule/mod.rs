//! When something is to be done again: what a schedule says, and which instants follow from it.
//!
//! Pure: the instant of the question is handed in, and the time zone data are those that the daemon was built with.

mod cron;
mod duration;
mod misfire;
mod parse;
mod run;
mod spec;
mod words;
mod zone;

pub use misfire::{Catch, Misfire, SkipReason, settle};
pub use parse::{Read, WhenError, read, read_instant};
pub use run::{RunOutcome, State};
pub use spec::{Overlap, Plan, Spec};
pub use words::{local, words};
pub use zone::{is_zone, version as zone_data_version};
