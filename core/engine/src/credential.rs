//! The end of a token, revoked or expired: nobody has it any more, and the links that were opened with it are closed.

use std::sync::Arc;

use tieline_model::{PrincipalId, TimestampMs, TokenId};

use crate::{hand_over::link_down, presence::Link, shared::Shared};

/// The close code of a link whose token has ended (`docs/protocol/websocket.md`).
const DISOWNED: u16 = 4401;

/// Ends a token when its time has come, if it has one.
pub fn ends_at(shared: &Arc<Shared>, id: TokenId, at: Option<TimestampMs>) {
    let Some(at) = at else { return };
    let (clock, weak) = (shared.clock.clone(), Arc::downgrade(shared));
    shared.runtime.spawn(async move {
        clock.sleep_until(at).await;
        if let Some(shared) = weak.upgrade() {
            end(&shared, id, "the token has expired");
        }
    });
}

/// Ends a token now.
pub fn end(shared: &Shared, id: TokenId, reason: &str) {
    let Some(principal) = shared.tokens.remove(id).filter(|principal| !shared.tokens.knows(*principal)) else { return };
    disown(shared, principal, reason);
}

/// Closes the links of a principal.
pub fn disown(shared: &Shared, principal: PrincipalId, reason: &str) {
    for link in shared.presence.links_where(|link| link.principal.id == principal) {
        close(shared, &link, reason);
    }
}

/// Closes a link whose token ended while it was being opened.
pub fn check(shared: &Shared, link: &Link) {
    if !shared.tokens.knows(link.principal.id) {
        close(shared, link, "the token has ended");
    }
}

fn close(shared: &Shared, link: &Link, reason: &str) {
    shared.to_link(&link.transport, vec![link_down(link.id, DISOWNED, reason)]);
}
