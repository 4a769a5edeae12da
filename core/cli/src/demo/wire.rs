//! The frames of `docs/protocol/websocket.md`, as far as the demo needs them.

use serde::{Deserialize, Serialize};
use tieline_model::{
    Command, Lane,
    command::ReceiptState,
    frame::{DeliveryFrame, SkipFrame},
    message::PerLane,
    outcome::OutcomeJson,
    reply::Attached,
};

/// From a peer to the daemon.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToDaemon {
    /// The first frame.
    Hello {
        /// The version of the protocol.
        protocol: u32,
        /// What this peer has taken, when it was here before.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursors: Option<PerLane<u64>>,
        /// The lineage of the cursors.
        #[serde(skip_serializing_if = "Option::is_none")]
        log_id: Option<String>,
    },
    /// A command.
    Command {
        /// Comes back with the outcome.
        corr: u64,
        /// The idempotency key.
        key: String,
        /// The command.
        command: Box<Command>,
    },
    /// How far messages were taken.
    Receipt {
        /// In which lane.
        lane: Lane,
        /// Up to which number.
        through: u64,
        /// In what sense.
        state: ReceiptState,
    },
    /// The end.
    Bye {},
}

/// From the daemon to a peer. Frames of other kinds are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromDaemon {
    /// The hello was accepted.
    Welcome(Box<Attached>),
    /// What came of a command.
    Outcome {
        /// Of which.
        corr: u64,
        /// What.
        outcome: Box<OutcomeJson>,
    },
    /// A message.
    Deliver(Box<DeliveryFrame>),
    /// A number that will not come.
    Skip(SkipFrame),
    /// A frame of the peer was wrong or refused.
    Error {
        /// The case.
        code: String,
        /// In words.
        message: String,
    },
    /// The daemon is about to close.
    Bye {
        /// The close code.
        code: u16,
        /// In words.
        reason: String,
    },
}

/// Reads a frame; nothing when it is of a kind that is not needed here.
pub fn read(text: &str) -> Option<FromDaemon> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_page() {
        let json = |frame| serde_json::to_string(&frame).unwrap();
        assert_eq!(json(ToDaemon::Hello { protocol: 1, cursors: None, log_id: None }), r#"{"hello":{"protocol":1}}"#);
        assert_eq!(
            json(ToDaemon::Receipt { lane: Lane::Msg, through: 3, state: ReceiptState::Seen }),
            r#"{"receipt":{"lane":"msg","through":3,"state":"seen"}}"#
        );
        assert_eq!(json(ToDaemon::Bye {}), r#"{"bye":{}}"#);
        let bye = read(r#"{"bye":{"code":1000,"reason":"bye","new":1}}"#);
        assert!(matches!(bye, Some(FromDaemon::Bye { code: 1000, .. })));
        let error = read(r#"{"error":{"code":"bad_input","message":"x","field":"hello.session"}}"#);
        assert!(matches!(error, Some(FromDaemon::Error { .. })));
        assert!(read(r#"{"progress":{}}"#).is_none());
    }
}
