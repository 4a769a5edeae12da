//! Who is asking, and what they may do.
//!
//! A principal is stamped by the host from a token or a link. Nothing in a command can change it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, SessionId, address::MESH_CIRCLE};

/// What sort of caller a principal is. Fixed when the credential is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person. The only kind that may hold [`Scope::TokenManage`] or [`Scope::PluginManage`].
    Human,
    /// A coding agent: assumed to be open to prompt injection.
    Agent,
    /// A program that a person runs: a bot, a CI job.
    Service,
    /// A transport plugin speaking for itself.
    Plugin,
    /// A schedule that fires a stored command.
    Schedule,
    /// The daemon itself: expiry, recovery.
    System,
}

/// One thing that a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// Send notifies and cancel own messages.
    #[serde(rename = "message:send")]
    MessageSend,
    /// Open asks.
    #[serde(rename = "ask:open")]
    AskOpen,
    /// Answer asks addressed to an own session.
    #[serde(rename = "ask:answer")]
    AskAnswer,
    /// Send to a whole circle.
    #[serde(rename = "broadcast")]
    Broadcast,
    /// Read own inboxes and report receipts.
    #[serde(rename = "inbox:read")]
    InboxRead,
    /// List sessions and read timelines of the circles in reach.
    #[serde(rename = "timeline:read")]
    TimelineRead,
    /// Open sessions and attach to own ones.
    #[serde(rename = "session:open")]
    SessionOpen,
    /// Close, rename and describe sessions that are not one's own.
    #[serde(rename = "session:manage")]
    SessionManage,
    /// Address sessions outside the own circles.
    #[serde(rename = "circle:cross")]
    CircleCross,
    /// Create, list and revoke tokens. Humans only.
    #[serde(rename = "token:manage")]
    TokenManage,
    /// See and steer plugins. Humans only.
    #[serde(rename = "plugin:manage")]
    PluginManage,
}

impl Scope {
    /// All scopes, in the order in which they are shown.
    pub const ALL: [Scope; 11] = [
        Scope::MessageSend,
        Scope::AskOpen,
        Scope::AskAnswer,
        Scope::Broadcast,
        Scope::InboxRead,
        Scope::TimelineRead,
        Scope::SessionOpen,
        Scope::SessionManage,
        Scope::CircleCross,
        Scope::TokenManage,
        Scope::PluginManage,
    ];

    /// Returns the text form, as in tokens and refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::MessageSend => "message:send",
            Scope::AskOpen => "ask:open",
            Scope::AskAnswer => "ask:answer",
            Scope::Broadcast => "broadcast",
            Scope::InboxRead => "inbox:read",
            Scope::TimelineRead => "timeline:read",
            Scope::SessionOpen => "session:open",
            Scope::SessionManage => "session:manage",
            Scope::CircleCross => "circle:cross",
            Scope::TokenManage => "token:manage",
            Scope::PluginManage => "plugin:manage",
        }
    }

    /// Tells whether only a human may ever hold this scope.
    pub const fn is_human_only(self) -> bool {
        matches!(self, Scope::TokenManage | Scope::PluginManage)
    }
}

impl PrincipalKind {
    /// Returns the scopes that a new token of this kind gets when none are named.
    pub fn default_scopes(self) -> Vec<Scope> {
        match self {
            PrincipalKind::Human | PrincipalKind::System => Scope::ALL.to_vec(),
            PrincipalKind::Agent | PrincipalKind::Service | PrincipalKind::Plugin | PrincipalKind::Schedule => vec![
                Scope::MessageSend,
                Scope::AskOpen,
                Scope::AskAnswer,
                Scope::Broadcast,
                Scope::InboxRead,
                Scope::TimelineRead,
                Scope::SessionOpen,
            ],
        }
    }

    /// Returns the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::Human => "human",
            PrincipalKind::Agent => "agent",
            PrincipalKind::Service => "service",
            PrincipalKind::Plugin => "plugin",
            PrincipalKind::Schedule => "schedule",
            PrincipalKind::System => "system",
        }
    }
}

/// A caller whose credential has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// Its sort.
    pub kind: PrincipalKind,
    /// What people call it. A label, never an address.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The circles it may reach; the first is its own.
    pub circles: Vec<String>,
    /// Where replies go when it names no session.
    pub home: SessionId,
}

impl Principal {
    /// Tells whether it holds `scope`. Human-only scopes need a human besides.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) && (!scope.is_human_only() || self.kind == PrincipalKind::Human)
    }

    /// Tells whether sessions of `circle` are in its reach. The daemon's own is in every human's and in nobody else's.
    pub fn reaches(&self, circle: &str) -> bool {
        if circle == MESH_CIRCLE {
            return self.kind == PrincipalKind::Human;
        }
        self.circles.iter().any(|own| own == circle) || self.may(Scope::CircleCross)
    }

    /// Returns the circle in which its plain names are looked up.
    pub fn circle(&self) -> &str {
        self.circles.first().map_or(crate::address::DEFAULT_CIRCLE, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_never_manages_tokens_even_with_the_scope_in_its_token() {
        let agent = Principal {
            id: PrincipalId::from_uuid(uuid::Uuid::nil()),
            kind: PrincipalKind::Agent,
            name: "a".into(),
            scopes: Scope::ALL.to_vec(),
            circles: vec!["main".into()],
            home: SessionId::from_uuid(uuid::Uuid::nil()),
        };
        assert!(agent.may(Scope::Broadcast));
        assert!(!agent.may(Scope::TokenManage) && !agent.may(Scope::PluginManage));
    }

    #[test]
    fn the_circle_of_the_daemon_is_in_the_reach_of_humans_alone() {
        let mut caller = Principal {
            id: PrincipalId::from_uuid(uuid::Uuid::nil()),
            kind: PrincipalKind::Agent,
            name: "a".into(),
            scopes: Scope::ALL.to_vec(),
            circles: vec![MESH_CIRCLE.into()],
            home: SessionId::from_uuid(uuid::Uuid::nil()),
        };
        assert!(caller.reaches("main") && !caller.reaches(MESH_CIRCLE));
        (caller.kind, caller.scopes, caller.circles) = (PrincipalKind::Human, Vec::new(), vec!["ops".into()]);
        assert!(!caller.reaches("main") && caller.reaches(MESH_CIRCLE));
    }

    #[test]
    fn the_text_of_a_scope_is_its_json() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
    }
}
