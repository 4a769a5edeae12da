//! What a delivery carries, as far as it matters here.

use serde::Deserialize;
use tieline_transport_doors::Wake;

/// The message of a delivery.
#[derive(Debug, Deserialize)]
pub struct Carried {
    /// The request, if it is one.
    pub wake: Option<Wake>,
}
