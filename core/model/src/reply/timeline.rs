//! A page of timelines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Event;

/// See [`Reply::Timeline`](super::Reply::Timeline).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TimelinePage {
    /// Oldest first. The first one's cursor is the `before` of the page before, the last one's the `after` of the next.
    pub events: Vec<Event>,
    /// Whether there are more in the direction that was read: later ones with `after`, else earlier ones.
    pub has_more: bool,
}
