//! Values to render.

use tieline_model::{
    DeliveryState, Lane, Message, MessageId, MessageKind, PrincipalId, PrincipalKind, Sender, SessionId, TimestampMs,
    reply::{DeliveryView, InboxItem, Reachability, SessionState, SessionView},
};

use super::Style;

/// No colours.
pub const PLAIN: Style = Style { color: false };

/// The time at which things are rendered.
pub const NOW: TimestampMs = TimestampMs(1_795_559_405_000);

/// The time at which things happened.
pub const THEN: TimestampMs = TimestampMs(1_795_559_400_000);

/// Returns a message's id.
pub fn message_id(n: u128) -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(n))
}

/// Returns a session's id.
pub fn session_id(n: u128) -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(n))
}

/// Returns a principal's id.
pub fn principal_id(n: u128) -> PrincipalId {
    PrincipalId::from_uuid(uuid::Uuid::from_u128(n))
}

/// Returns a message.
pub fn message(kind: MessageKind, text: Option<&str>) -> Message {
    let from = Sender {
        session: session_id(1),
        title: "build".into(),
        principal: principal_id(1),
        kind: PrincipalKind::Agent,
    };
    Message {
        id: message_id(1),
        kind,
        from,
        thread: None,
        group: None,
        reply_to: None,
        text: text.map(str::to_owned),
        notice: None,
        late: false,
        declined: false,
        urgency: None,
        supersedes: None,
        hops: 0,
        reminds_of: Vec::new(),
        wake: None,
        order: None,
        purged: false,
        tells: None,
        sent_at_ms: THEN,
        expires_at_ms: None,
    }
}

/// Returns a message in an inbox.
pub fn in_inbox(kind: MessageKind, text: Option<&str>) -> InboxItem {
    InboxItem { lane: Lane::Msg, seq: 7, state: DeliveryState::Accepted, message: message(kind, text) }
}

/// Returns a delivery.
pub fn delivery(title: &str, reachability: Option<Reachability>) -> DeliveryView {
    DeliveryView {
        session: session_id(2),
        title: title.into(),
        lane: Lane::Msg,
        seq: 7,
        state: DeliveryState::Accepted,
        reachability,
        urgency: None,
    }
}

/// Returns a session.
pub fn session_view(title: &str) -> SessionView {
    SessionView {
        id: session_id(2),
        title: title.into(),
        circle: "main".into(),
        roles: vec!["critic".into()],
        labels: Vec::new(),
        pinned: false,
        parent: None,
        waiting: None,
        draft: None,
        runtime: None,
        backend: None,
        model: None,
        usage: tieline_model::session::progress::Usage::default(),
        description: None,
        project: None,
        state: SessionState::Open,
        owner: principal_id(1),
        opened_at_ms: THEN,
        online: true,
        pending: 3,
    }
}
