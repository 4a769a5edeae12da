//! What crosses the plugin boundary as JSON: the payloads of the ABI's messages.
//!
//! A transport wraps these in whatever its protocol needs and passes them through unread.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Command, DeliveryState, Lane, Message, MessageId, SessionId,
    command::{Receipt, ReceiptState},
    outcome::OutcomeJson,
};

/// A command from a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFrame {
    /// Makes a repeat of the same command harmless; at most 128 bytes, unique per principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The command.
    pub command: Command,
}

/// A message for a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryFrame {
    /// In which lane.
    pub lane: Lane,
    /// Its number there; a receiver drops what it has and asks again when one is missing.
    pub seq: u64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether an earlier link may have had it.
    pub maybe_sent: bool,
    /// The message.
    pub message: Message,
}

/// What a link says about deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptFrame {
    /// In which lane.
    pub lane: Lane,
    /// Everything up to this number, for delivered and seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// Exactly this number, for rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What is said about them.
    pub state: ReceiptState,
    /// Why, for rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<ReceiptFrame> for Receipt {
    fn from(frame: ReceiptFrame) -> Self {
        let ReceiptFrame { lane, through, seq, state, reason } = frame;
        Receipt { session: None, lane, through, seq, state, reason }
    }
}

/// A number that will not be delivered; the receiver moves its cursor past it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkipFrame {
    /// In which lane.
    pub lane: Lane,
    /// The number.
    pub seq: u64,
    /// What became of it.
    pub reason: DeliveryState,
}

/// How many more deliveries a link takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditFrame {
    /// In which lane.
    pub lane: Lane,
    /// How many may be in flight at once.
    pub credit: u32,
}

/// How a message of the link's own session fares. A hint: `trace` has the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressFrame {
    /// The message.
    pub message: MessageId,
    /// The session that it is for.
    pub session: SessionId,
    /// How far it has come.
    pub state: DeliveryState,
}

/// The host ends a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkDownFrame {
    /// A close code of the table in `docs/protocol/websocket.md`.
    pub code: u16,
    /// Why, in words.
    pub reason: String,
}

/// What comes back of a command from a link.
pub type OutcomeFrame = OutcomeJson;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reply, outcome::Code, outcome::Refusal, reply::Done};

    #[test]
    fn frames_read_back_as_they_were_written() {
        let command: CommandFrame =
            serde_json::from_str(r#"{"key":"k1","command":{"notify":{"to":"b","text":"x"}}}"#).unwrap();
        assert_eq!(serde_json::from_str::<CommandFrame>(&serde_json::to_string(&command).unwrap()).unwrap(), command);
        for outcome in [
            OutcomeFrame::Ok(Reply::Done(Done {})),
            OutcomeFrame::Refusal(
                Refusal::new(Code::Busy, "later").at("x").retry_after(5).with_candidates(["a".to_owned()]),
            ),
        ] {
            assert_eq!(
                serde_json::from_str::<OutcomeFrame>(&serde_json::to_string(&outcome).unwrap()).unwrap(),
                outcome
            );
        }
        assert_eq!(
            serde_json::to_string(&CreditFrame { lane: Lane::Msg, credit: 3 }).unwrap(),
            r#"{"lane":"msg","credit":3}"#
        );
    }
}
