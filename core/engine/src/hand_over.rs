//! One hand-over: the answers and deliveries of a commit, collected so that each transport is called once.

use std::{cell::RefMut, sync::Arc};

use tieline_model::{LinkId, frame::LinkDownFrame, session::window::Due};
use tieline_store::DueRow;

use crate::{
    line::{Line, LineOp, SharedLine},
    port::{FrameKind, LinkMessage},
    shared::Shared,
};

/// Messages for links, by transport, in order.
#[derive(Debug, Default)]
pub struct HandOver {
    transports: Vec<(Arc<str>, Vec<LinkMessage>)>,
    deliveries: usize,
}

impl HandOver {
    /// Adds an answer: something that a transport always has room for.
    pub fn push(&mut self, transport: &Arc<str>, message: LinkMessage) {
        self.of(transport).push(message);
    }

    /// Adds what a line says to a commit.
    pub fn ops(&mut self, line: &mut Line, ops: Vec<LineOp>) {
        self.collect(line, |line, out| ops.into_iter().for_each(|op| line.take(op, out)));
    }

    /// Adds what was read for a line; see [`Line::take_rows`].
    pub fn rows(&mut self, line: &mut RefMut<'_, Line>, due: Due, rows: Vec<DueRow>) -> (u64, Vec<u64>) {
        self.collect(line, |line, out| line.take_rows(due, rows, out))
    }

    fn collect<T>(&mut self, line: &mut Line, f: impl FnOnce(&mut Line, &mut Vec<LinkMessage>) -> T) -> T {
        let transport = Arc::clone(&line.transport);
        let out = self.of(&transport);
        let before = out.len();
        let result = f(line, out);
        let count = out[before..].iter().filter(|message| message.kind == FrameKind::Delivery).count();
        if count > 0 {
            line.sent(count);
        }
        self.deliveries += count;
        result
    }

    fn of(&mut self, transport: &Arc<str>) -> &mut Vec<LinkMessage> {
        // One daemon has a handful of transports.
        let place = self.transports.iter().position(|(name, _)| name == transport).unwrap_or_else(|| {
            self.transports.push((Arc::clone(transport), Vec::new()));
            self.transports.len() - 1
        });
        &mut self.transports[place].1
    }

    /// Hands everything over. What a transport has no room for is due again on its line, which `line_of` finds, and that
    /// line is blocked.
    pub fn send(self, shared: &Shared, line_of: impl Fn(LinkId) -> Option<SharedLine>) {
        if self.deliveries > 0 {
            fail::fail_point!("peer.before_hand_over");
        }
        let mut gave_back = 0;
        for (transport, messages) in self.transports {
            let Some(port) = shared.port().filter(|_| !messages.is_empty()) else { continue };
            for message in port.deliver(&transport, messages) {
                let line = line_of(message.link);
                match line.as_deref().map(|line| (line.borrow_mut().take_back(&message), line)) {
                    Some((true, line)) => {
                        line.borrow_mut().is_blocked = true;
                        gave_back += usize::from(message.kind == FrameKind::Delivery);
                    }
                    _ => tracing::debug!(%transport, "a link was gone before its answer"),
                }
            }
        }
        if self.deliveries > 0 {
            fail::fail_point!("peer.after_hand_over");
        }
        shared.metrics.handed_over(self.deliveries.saturating_sub(gave_back));
    }
}

/// A link-down frame for a link that no peer serves.
pub fn link_down(link: LinkId, code: u16, reason: &str) -> LinkMessage {
    let frame = LinkDownFrame { code, reason: reason.to_owned() };
    let payload = serde_json::to_vec(&frame).map_or_else(|_| bytes::Bytes::from_static(b"{}"), bytes::Bytes::from);
    LinkMessage { link, kind: FrameKind::LinkDown, corr: 0, payload }
}
