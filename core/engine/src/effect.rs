//! What a committed job asks the router to do.

use std::sync::Arc;

use tieline_model::{
    DeliveryState, Lane, LinkId, Principal, SessionId, TimestampMs, TokenId, frame::ProgressFrame, message::PerLane,
    route::Entry, runtime::Runtime,
};

use crate::presence::Attachment;

/// One thing to do after the commit. None of them can be refused, and each can be made good from the store.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A message came into an inbox.
    Delivery {
        /// Whose.
        to: SessionId,
        /// In which lane.
        lane: Lane,
        /// Its number there.
        seq: u64,
        /// The message as stored.
        body: Arc<str>,
    },
    /// A number of an inbox will not be delivered.
    Skip {
        /// Whose.
        session: SessionId,
        /// In which lane.
        lane: Lane,
        /// The number.
        seq: u64,
        /// What became of it.
        state: DeliveryState,
    },
    /// A receiver moved its cursor.
    Settled {
        /// Whose.
        session: SessionId,
        /// In which lane.
        lane: Lane,
        /// Up to here.
        through: u64,
    },
    /// A session is new, renamed, or closed.
    Directory(Entry),
    /// A peer attached.
    Attached {
        /// The attachment.
        attachment: Attachment,
        /// The newest numbers.
        heads: PerLane<u64>,
        /// Whether the session had a writer before: what waits may have been on its link.
        had_writer: bool,
    },
    /// A writer lost its lease to a newer one, or its session was closed.
    Fenced {
        /// Its session.
        session: SessionId,
        /// Its link.
        link: Option<LinkId>,
        /// Its epoch.
        epoch: u64,
        /// Why, in words.
        reason: &'static str,
    },
    /// A writer said goodbye.
    Detached {
        /// Its session.
        session: SessionId,
        /// Its epoch.
        epoch: u64,
    },
    /// A sender's message came further.
    Progress {
        /// The sender's session.
        to: SessionId,
        /// How far.
        frame: ProgressFrame,
    },
    /// Something of this session runs out then.
    Expires {
        /// Whose inbox.
        session: SessionId,
        /// When.
        at: TimestampMs,
    },
    /// The agent program of a session is another, or at something else.
    Runtime {
        /// Whose.
        session: SessionId,
        /// What is known of it.
        runtime: Box<Runtime>,
    },
    /// Schedules may be due at another instant than before.
    Schedules,
    /// A token is new.
    Token {
        /// Its id.
        id: TokenId,
        /// The hash of its secret.
        hash: [u8; 32],
        /// Its principal.
        principal: Arc<Principal>,
        /// When it ends.
        expires_at: Option<TimestampMs>,
    },
    /// A token was revoked.
    Revoked {
        /// Its id.
        id: TokenId,
    },
}
