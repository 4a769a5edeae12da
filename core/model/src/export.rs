//! The lines of an exported timeline: a header, its events in order with the words of their messages, and an end.

use serde::{Deserialize, Serialize};

use crate::{
    Event, EventBody, Message, TimestampMs,
    command::{ExportOrigin, ImportItem, Imported},
    reply::SessionView,
};

/// The version of the format. A reader refuses a larger one.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Box<Header>),
    /// One event.
    Event(Box<Exported>),
    /// The last line: without it something is missing.
    End(End),
}

/// What is exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u32,
    /// From where it comes.
    pub origin: ExportOrigin,
    /// The session as it was then.
    pub session: SessionView,
    /// When it was exported.
    pub exported_at_ms: TimestampMs,
}

/// One event with its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// The message that came in, or the ask that went out, by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
}

/// The end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many events there were.
    pub events: u64,
}

impl Exported {
    /// Returns what an import takes in of it.
    pub fn item(self) -> ImportItem {
        let Event { seq, at_ms, body, .. } = self.event;
        let what = match body {
            EventBody::Activity(recorded) => Imported::Activity {
                what: recorded.what,
                happened_at_ms: recorded.happened_at_ms,
                source: recorded.source,
            },
            EventBody::MessageImported(message) => Imported::Message(message),
            EventBody::MessageAccepted { .. } | EventBody::AskOpened { .. } => {
                self.message.map_or(Imported::Nothing, |message| Imported::Message(Box::new(message)))
            }
            _ => Imported::Nothing,
        };
        ImportItem { seq, at_ms, what }
    }
}
