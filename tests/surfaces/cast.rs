//! Who speaks: two agents, and a human, who makes the second one, asks about plugins, and looks at everything afterwards.

use std::path::PathBuf;

use serde_json::json;
use tieline_tests::{
    daemon::Daemon,
    http::{Place, Request},
};

/// The human, whom every daemon knows.
pub const HUMAN: &str = "human";
/// The first agent, whom every daemon knows.
pub const AGENT: &str = "agent";
/// The second one.
pub const CRITIC: &str = "critic";

/// A daemon that knows both.
pub struct Cast(pub Daemon);

impl Cast {
    pub async fn assemble() -> Self {
        let cast = Self(Daemon::start());
        let create = Request::command(&json!({"token_create": {"name": CRITIC, "kind": "agent"}}));
        let created = create.token(&cast.token("human")).send(&cast.tcp()).await.json();
        let secret = created.pointer("/ok/token_created/secret").unwrap_or_else(|| panic!("{created}"));
        std::fs::write(cast.token_file(CRITIC), secret.as_str().unwrap()).unwrap();
        cast
    }

    pub fn token_file(&self, who: &str) -> PathBuf {
        self.0.home.token_file(who)
    }

    pub fn token(&self, who: &str) -> String {
        self.0.home.token(who)
    }

    pub fn tcp(&self) -> Place {
        self.0.tcp()
    }

    pub fn unix(&self) -> Place {
        self.0.unix()
    }
}
