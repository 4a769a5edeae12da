//! Messages, the lanes they travel in, and the states of their deliveries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AskGroupId, MessageId, PrincipalId, PrincipalKind, SessionId, TimestampMs, command::Urgency, event::CollidedFile,
    order::Order, rest::WatchEnd, runtime::Wake,
};

/// Order holds within a lane; `ctl` never waits behind `msg`, nor `msg` behind `bulk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Notices from the mesh: what became of your messages.
    Ctl,
    /// Asks, acks and notifies.
    Msg,
    /// Broadcasts.
    Bulk,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Lane; 3] = [Lane::Ctl, Lane::Msg, Lane::Bulk];

    /// Returns the number under which the store keeps it.
    pub const fn number(self) -> usize {
        match self {
            Lane::Ctl => 0,
            Lane::Msg => 1,
            Lane::Bulk => 2,
        }
    }

    /// Reads back what [`Self::number`] gave.
    pub fn from_number(number: usize) -> Option<Lane> {
        Self::ALL.get(number).copied()
    }
}

/// One value for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct PerLane<T: Default> {
    /// For [`Lane::Ctl`].
    #[serde(default)]
    pub ctl: T,
    /// For [`Lane::Msg`].
    #[serde(default)]
    pub msg: T,
    /// For [`Lane::Bulk`].
    #[serde(default)]
    pub bulk: T,
}

impl<T: Default> PerLane<T> {
    /// Makes one value per lane.
    pub fn from_fn(mut f: impl FnMut(Lane) -> T) -> Self {
        Self { ctl: f(Lane::Ctl), msg: f(Lane::Msg), bulk: f(Lane::Bulk) }
    }
}

impl<T: Default> std::ops::Index<Lane> for PerLane<T> {
    type Output = T;
    fn index(&self, lane: Lane) -> &T {
        match lane {
            Lane::Ctl => &self.ctl,
            Lane::Msg => &self.msg,
            Lane::Bulk => &self.bulk,
        }
    }
}

impl<T: Default> std::ops::IndexMut<Lane> for PerLane<T> {
    fn index_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Ctl => &mut self.ctl,
            Lane::Msg => &mut self.msg,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Wants an answer; opens a thread.
    Ask,
    /// The answer to an ask. Without text it just closes the thread.
    Ack,
    /// Wants nothing back.
    Notify,
    /// A notify to everyone in a circle.
    Broadcast,
    /// From the mesh itself: a delivery expired, an ask was cancelled.
    Notice,
}

impl MessageKind {
    /// Returns the lane it travels in.
    pub const fn lane(self) -> Lane {
        match self {
            MessageKind::Notice => Lane::Ctl,
            MessageKind::Ask | MessageKind::Ack | MessageKind::Notify => Lane::Msg,
            MessageKind::Broadcast => Lane::Bulk,
        }
    }

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            MessageKind::Ask => "ask",
            MessageKind::Ack => "ack",
            MessageKind::Notify => "notify",
            MessageKind::Broadcast => "broadcast",
            MessageKind::Notice => "notice",
        }
    }

    /// Reads back what [`Self::as_str`] gave.
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Ask, Self::Ack, Self::Notify, Self::Broadcast, Self::Notice]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Who a message is from, as the daemon knows it: never a claim of the sender's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sender {
    /// The session it was sent as; answers go there.
    pub session: SessionId,
    /// That session's title when it was sent.
    pub title: String,
    /// The principal.
    pub principal: PrincipalId,
    /// The principal's kind, so that a reader knows whether a person speaks.
    pub kind: PrincipalKind,
}

/// One message, written once and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What it is for.
    pub kind: MessageKind,
    /// Who it is from.
    pub from: Sender,
    /// The ask that it belongs to: an ask's own id, an ack's ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// The `ask_many` that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<AskGroupId>,
    /// The message that it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// The words. Absent in a bare ack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a notice is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// True for an answer that came after its ask was closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// True for an ack that says that there will be no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declined: bool,
    /// When its sender wants it looked at; at the next turn without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// The earlier message that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<MessageId>,
    /// How many messages led to this one, each referring to the one before.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub hops: u32,
    /// The asks that the receiver has not answered, when this reminds of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminds_of: Vec<MessageId>,
    /// The idle program that the receiver is asked to wake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Box<Wake>>,
    /// What the receiver is asked to do with an agent program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Order>>,
    /// True when its words were removed; nothing else says what they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purged: bool,
    /// What the mesh tells the receiver about other sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells: Option<Box<Tells>>,
    /// When the daemon accepted it.
    pub sent_at_ms: TimestampMs,
    /// When it stops being worth delivering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<TimestampMs>,
}

impl Message {
    /// Takes the words out, and leaves who wrote to whom, when, and what it refers to.
    pub fn take_words(&mut self) {
        self.text = None;
        if let Some(notice) = &mut self.notice {
            notice.reason = None;
        }
        // What a transport was to start or to prompt an agent program with, and where.
        (self.wake, self.order) = (None, None);
        self.purged = true;
    }
}

/// What a notice tells about other sessions, for programs; its text says the same for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// A program that was watched has come to rest, or did not in time.
    Rested {
        /// Whose program.
        session: SessionId,
        /// How watching it ended.
        end: WatchEnd,
    },
    /// Two sessions change the same files; the receiver is one of them.
    FileCollision {
        /// Who has changed them now.
        by: SessionId,
        /// Who has leased them, or changed them before.
        with: SessionId,
        /// The files.
        files: Vec<CollidedFile>,
    },
}

/// What the mesh tells a sender about one of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The message it is about.
    pub message: MessageId,
    /// The session that the message was for.
    pub session: SessionId,
    /// What became of it.
    pub state: DeliveryState,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far one delivery has come, each state with its own evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Committed to the disk of this daemon.
    Accepted,
    /// Handed to a link.
    Sent,
    /// The far side took responsibility and said so.
    Delivered,
    /// The runtime's own record shows it in the model's context, or a person's screen showed it.
    Seen,
    /// The ask was answered.
    Answered,
    /// Its time ran out before it was delivered.
    Expired,
    /// Withdrawn before it was delivered.
    Cancelled,
    /// Given up: refused by the far side, too many attempts, or damaged. Kept and visible.
    Dead,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [DeliveryState; 8] = [
        DeliveryState::Accepted,
        DeliveryState::Sent,
        DeliveryState::Delivered,
        DeliveryState::Seen,
        DeliveryState::Answered,
        DeliveryState::Expired,
        DeliveryState::Cancelled,
        DeliveryState::Dead,
    ];

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Accepted => "accepted",
            DeliveryState::Sent => "sent",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Seen => "seen",
            DeliveryState::Answered => "answered",
            DeliveryState::Expired => "expired",
            DeliveryState::Cancelled => "cancelled",
            DeliveryState::Dead => "dead",
        }
    }

    /// Reads back what [`Self::as_str`] gave.
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
