//! One event as search sees it.

use tieline_model::{PrincipalId, SessionId, TimestampMs};

/// Stands between the parts of a text, as ASCII has it for records; a phrase does not reach over it.
pub const PART: char = '\u{1e}';

/// One event, with what it can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The event's cursor: its name here, and its age.
    pub cursor: i64,
    /// On whose timeline it is.
    pub session: SessionId,
    /// Its number there.
    pub seq: u64,
    /// The circle of the session. Where that moves, the first one that was seen stays in the index.
    pub circle: String,
    /// When it happened.
    pub at_ms: TimestampMs,
    /// What kinds it is of: the event's, and for messages the message's.
    pub kinds: Vec<&'static str>,
    /// Whose doing it is.
    pub authors: Vec<Author>,
    /// What else it is.
    pub flags: Vec<Flag>,
    /// Its words, its parts separated by [`PART`].
    pub text: String,
}

/// Whose doing an event is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Author {
    /// Somebody known to the mesh.
    Principal(PrincipalId),
    /// A role in a chat, as in `assistant`.
    Role(String),
}

/// What `has:` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// An approval was asked for or decided on.
    Approval,
    /// Something failed.
    Error,
    /// A file was changed.
    File,
    /// A tool was called, or gave its result.
    Tool,
    /// Tokens were used.
    Cost,
}

impl Flag {
    /// All of them.
    pub const ALL: [Flag; 5] = [Flag::Approval, Flag::Error, Flag::File, Flag::Tool, Flag::Cost];

    /// Returns the word after `has:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Flag::Approval => "approval",
            Flag::Error => "error",
            Flag::File => "file",
            Flag::Tool => "tool",
            Flag::Cost => "cost",
        }
    }
}
