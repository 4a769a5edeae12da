//! A delivery, as the daemon puts it.

use serde::Deserialize;
use tieline_transport_doors::Wake;

/// A delivery, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Delivery {
    /// In which lane.
    pub lane: String,
    /// Its number there.
    pub seq: u64,
    /// The message.
    pub message: Carried,
}

/// What a delivery carries.
#[derive(Debug, Deserialize)]
pub struct Carried {
    /// The request, if it is one.
    pub wake: Option<Wake>,
}
