//! A WebSocket peer: commands and outcomes as frames.

use std::collections::HashMap;

use serde_json::{Value, json};
use tieline_tests::socket::Socket;

use crate::{
    Surface,
    cast::{AGENT, CRITIC, Cast, HUMAN},
};

/// A connection for each speaker, attached to its home as an observer: a writer would also receive.
pub struct Peers {
    sockets: HashMap<&'static str, Socket>,
    next: u64,
}

impl Peers {
    pub async fn attach(cast: &Cast) -> Self {
        let mut sockets = HashMap::new();
        for who in [AGENT, CRITIC, HUMAN] {
            let hello = json!({"mode": "observer"});
            let (socket, welcome) = Socket::attach(&cast.tcp(), &cast.token(who), hello).await;
            assert_eq!(welcome["title"], who);
            sockets.insert(who, socket);
        }
        Self { sockets, next: 0 }
    }
}

impl Surface for Peers {
    /// Receipts of an observer are refused.
    fn lacks(&self) -> &[&'static str] {
        &["receipt"]
    }

    async fn say(&mut self, who: &'static str, command: &Value) -> Value {
        self.next += 1;
        self.sockets.get_mut(who).unwrap().command(self.next, command).await
    }
}
