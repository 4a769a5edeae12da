//! Who a secret belongs to. Secrets are 256 random bits, kept only as BLAKE3 hashes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use subtle::ConstantTimeEq;
use tieline_model::{Principal, PrincipalId, TimestampMs, TokenId};
use tokio::sync::watch;

/// What every secret starts with, so that a leaked one is recognised.
pub const SECRET_PREFIX: &str = "tieline_";

/// The tokens that are good, by the hash of their secret.
#[derive(Debug, Default)]
pub struct Tokens {
    table: RwLock<HashMap<[u8; 32], Entry>>,
    /// How many tokens have ended: who goes on for long looks again when it grows.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    id: TokenId,
    hash: [u8; 32],
    principal: Arc<Principal>,
    expires_at: Option<TimestampMs>,
}

/// Returns what is stored of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// Writes 32 random bytes as a secret.
pub fn secret_text(bytes: [u8; 32]) -> String {
    format!("{SECRET_PREFIX}{}", hex::encode(bytes))
}

impl Tokens {
    /// Adds a token.
    pub fn insert(&self, id: TokenId, hash: [u8; 32], principal: Arc<Principal>, expires_at: Option<TimestampMs>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(hash, Entry { id, hash, principal, expires_at });
    }

    /// Forgets a token; returns whose it was.
    pub fn remove(&self, id: TokenId) -> Option<PrincipalId> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let entry = table.values().find(|entry| entry.id == id).cloned()?;
        table.remove(&entry.hash);
        drop(table);
        self.ended.send_modify(|ended| *ended += 1);
        Some(entry.principal.id)
    }

    /// Waits until no good token of this principal is left.
    pub async fn disowned(&self, principal: PrincipalId) {
        // The sender lives as long as this.
        let _ = self.ended.subscribe().wait_for(|_| !self.knows(principal)).await;
    }

    /// Tells whether any good token of this principal is left.
    pub fn knows(&self, principal: PrincipalId) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.values().any(|entry| entry.principal.id == principal)
    }

    /// Tells whether a session is the home of a principal with a good token.
    pub fn is_home(&self, session: tieline_model::SessionId) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.values().any(|entry| entry.principal.home == session)
    }

    /// Returns the principal with a good token whose home a session is.
    pub fn at_home(&self, session: tieline_model::SessionId) -> Option<Arc<Principal>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.values().map(|entry| &entry.principal).find(|principal| principal.home == session).map(Arc::clone)
    }

    /// Returns whose secret this is, if it is good now.
    pub fn authenticate(&self, secret: &str, now: TimestampMs) -> Option<Arc<Principal>> {
        let found = hash(secret);
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        // The look-up is by hash, so its timing tells nothing about a secret; the comparison is a second lock.
        let entry = table.get(&found)?;
        let is_same: bool = entry.hash.ct_eq(&found).into();
        let is_fresh = entry.expires_at.is_none_or(|at| now < at);
        (is_same && is_fresh).then(|| Arc::clone(&entry.principal))
    }
}
