//! What others hand to the host, made up at random: the boundary survives all of it.
//!
//! A target is a function of bytes, in a module of its name. It is run with the files of `tests/fuzz/<target>` first, then with so many changes
//! of them, or for as long as `cargo xtask fuzz` says, there under AddressSanitizer. Memory that a plugin lends is
//! exactly as large as it says, so that a read beyond it is noticed.

mod array;
mod child;
mod declaration;
mod exact;
mod file;
mod harness;
mod hostile;
mod input;
mod log;
mod manifest;
mod mutate;
mod plugin;
mod schema;
mod sdk;
mod stage;
mod wire;
