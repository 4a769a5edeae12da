//! Chains of messages, each referring to the one before.

use tieline_model::{
    Message, MessageId, Reply, SessionId,
    command::MessageRef,
    reply::{Thread, ThreadMessage},
};

use super::Query;
use crate::decide::{Stop, unknown_message};

/// The most messages of a chain that are shown.
const MOST: usize = 200;

impl Query<'_> {
    /// Answers `thread`: from the message up to the first one, and from there all the way down.
    pub(super) fn thread(&mut self, thread: &MessageRef) -> Result<Reply, Stop> {
        let unknown = || unknown_message(thread.message, "thread.message");
        let (mut first, _) = self.visible(thread.message)?.ok_or_else(unknown)?;
        for _ in 0..MOST {
            let Some(earlier) = first.reply_to else { break };
            let Some((message, _)) = self.visible(earlier)? else { break };
            first = message;
        }
        let mut found: Vec<ThreadMessage> = Vec::new();
        // A stack, so that each message is followed by those that refer to it.
        let mut next: Vec<(u32, MessageId)> = vec![(0, first.id)];
        while let Some((depth, id)) = next.pop() {
            if found.iter().any(|one| one.message.id == id) {
                continue;
            }
            let Some((message, ask)) = self.visible(id)? else { continue };
            if found.len() == MOST {
                return Ok(Reply::Thread(Thread { messages: found, has_more: true }));
            }
            found.push(ThreadMessage { depth, message, ask });
            let replies = self.reader.replies(id, MOST as i64)?;
            next.extend(replies.into_iter().rev().map(|reply| (depth + 1, reply)));
        }
        Ok(Reply::Thread(Thread { messages: found, has_more: false }))
    }

    /// Reads a message, if the caller may see one of its ends.
    fn visible(&mut self, id: MessageId) -> Result<Option<(Message, Option<tieline_model::ask::AskState>)>, Stop> {
        let Some(traced) = self.reader.trace(id)? else { return Ok(None) };
        let is_seen =
            self.may_see(traced.message.from.session) || traced.deliveries.iter().any(|row| self.may_see(row.session));
        Ok(is_seen.then(|| (traced.message, traced.ask.map(|ask| ask.ask.state))))
    }

    /// Tells whether a session is the caller's home or in a circle in reach.
    pub(super) fn may_see(&self, session: SessionId) -> bool {
        session == self.caller.home
            || self.shared.directory(|all| all.get(session).is_some_and(|entry| self.caller.reaches(&entry.circle)))
    }
}
