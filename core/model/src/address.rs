//! How a caller names a session: by id, by title within a circle, or by role.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::SessionId;

/// The circle of everything that names none.
pub const DEFAULT_CIRCLE: &str = "main";
/// The circle of the daemon's own session; nobody else's sessions are in it.
pub const MESH_CIRCLE: &str = "mesh";
/// The title of the daemon's own session, whose timeline is the log of the mesh.
pub const MESH_TITLE: &str = "mesh";
/// The longest circle, role or title, in characters.
pub const MAX_NAME_CHARS: usize = 120;

/// Where a message is to go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `ses_…`: exactly this session.
    Session(SessionId),
    /// `title` or `circle/title`: the one open session of that title.
    Title {
        /// The circle, or the sender's own when `None`.
        circle: Option<String>,
        /// The title, compared exactly.
        title: String,
    },
    /// `@role` or `circle/@role`: the one open session that has that role.
    Role {
        /// The circle, or the sender's own when `None`.
        circle: Option<String>,
        /// The role without its `@`.
        role: String,
    },
}

/// A text that cannot be an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("an address is empty; wanted a session id, a title, `circle/title` or `@role`")]
    Empty,
    /// Longer than any name can be.
    #[error("an address has {found} characters; at most {} are allowed", 2 * MAX_NAME_CHARS)]
    TooLong {
        /// How many characters it has.
        found: usize,
    },
    /// It starts like a session id and is not one.
    #[error(transparent)]
    Id(#[from] crate::ids::IdError),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > 2 * MAX_NAME_CHARS {
            return Err(AddressError::TooLong { found: chars });
        }
        if text.len() == 36 && text.starts_with("ses_") {
            return Ok(Address::Session(text.parse()?));
        }
        let (circle, name) = match text.split_once('/') {
            Some((circle, name)) if !circle.is_empty() => (Some(circle.to_owned()), name),
            _ => (None, text),
        };
        match name.strip_prefix('@') {
            _ if name.is_empty() || name == "@" => Err(AddressError::Empty),
            Some(role) => Ok(Address::Role { circle, role: role.to_owned() }),
            None => Ok(Address::Title { circle, title: name.to_owned() }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Session(id) => write!(f, "{id}"),
            Address::Title { circle: Some(circle), title } => write!(f, "{circle}/{title}"),
            Address::Title { circle: None, title } => f.write_str(title),
            Address::Role { circle: Some(circle), role } => write!(f, "{circle}/@{role}"),
            Address::Role { circle: None, role } => write!(f, "@{role}"),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "session id, title, circle/title or @role" })
    }
    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in
            ["ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f", "review", "ops/review", "@critic", "ops/@critic", "ses_short"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
        assert_eq!("@".parse::<Address>(), Err(AddressError::Empty));
        assert_eq!("x/".parse::<Address>(), Err(AddressError::Empty));
        assert!(matches!("ses_zzz7c3f0a1b27c3d8e4f5a6b7c8d9e0f".parse::<Address>(), Err(AddressError::Id(_))));
        assert!(matches!("x".repeat(500).parse::<Address>(), Err(AddressError::TooLong { found: 500 })));
    }
}
