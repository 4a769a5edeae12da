//! A delivery, as the daemon puts it.

use serde::Deserialize;

/// A delivery, as far as it matters to a transport; `M` is what it reads of the message.
#[derive(Debug, Deserialize)]
pub struct Delivery<M> {
    /// In which lane.
    pub lane: String,
    /// Its number there.
    pub seq: u64,
    /// The message.
    pub message: M,
}
