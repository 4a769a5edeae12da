//! Typed ids: a UUIDv7 behind a readable prefix, so that an id says what it names.
//!
//! The text form is the prefix, an underscore and 32 lower-case hex digits, as in
//! `msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f`. Ids are minted by the daemon (`engine/clock`), never here.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A text that should have been an id and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an id of the form {prefix}_ and 32 hex digits")]
pub struct IdError {
    /// What was found, shortened to 64 characters.
    pub found: String,
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID that the daemon minted.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the bare 16 bytes, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads back what [`Self::as_bytes`] gave; `None` unless there are exactly 16 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut hex = [0; uuid::fmt::Simple::LENGTH];
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(self.0.simple().encode_lower(&mut hex))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "_[0-9a-f]{32}$") })
            }
            fn inline_schema() -> bool {
                true
            }
        }
    };
}

id!(/** Names a session for ever. */ SessionId, "ses");
id!(/** Names a message; an ask's id is also its thread's. */ MessageId, "msg");
id!(/** Names who is asking. */ PrincipalId, "prn");
id!(/** Names one credential of a principal. */ TokenId, "tok");
id!(/** Names a schedule for ever. */ ScheduleId, "sch");
id!(/** Names a job for ever. */ JobId, "job");
id!(/** Names a proposed change of a session's memory. */ ProposalId, "prp");
id!(/** Names the asks that one `ask_many` opened. */ AskGroupId, "grp");
id!(/** Names one fault, so that a caller and the log can meet. */ FaultId, "flt");

/// One live connection of a transport. It lives as long as the process and is never stored as identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lnk_{}", self.0)
    }
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let wrong = || IdError { found: text.chars().take(64).collect(), prefix };
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(wrong)?;
    if digits.len() != 32 {
        return Err(wrong());
    }
    Uuid::try_parse(digits).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = MessageId::from_uuid(Uuid::from_u128(0x0197_c3f0_a1b2_7c3d_8e4f_5a6b_7c8d_9e0f));
        assert_eq!(id.to_string(), "msg_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f");
        assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        assert_eq!(MessageId::from_slice(id.as_bytes()), Some(id));
    }

    #[test]
    fn another_prefix_or_length_is_refused_with_what_was_wanted() {
        for wrong in ["ses_0197c3f0a1b27c3d8e4f5a6b7c8d9e0f", "msg_12", "msg_", "", "0197c3f0a1b27c3d8e4f5a6b7c8d9e0f"]
        {
            let error = wrong.parse::<MessageId>().unwrap_err();
            assert!(error.to_string().contains("msg_ and 32 hex digits"), "{error}");
        }
    }
}
