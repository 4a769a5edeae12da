//! Messages by what they refer to.

use diesel::prelude::*;
use tieline_model::{Message, MessageId, ask::AskState};

use crate::{
    Reader, StoreError, rows,
    schema::{asks, messages, replies},
};

impl Reader {
    /// Reads a message, and where it stands when it is an ask.
    pub fn message(&mut self, id: MessageId) -> Result<Option<(Message, Option<AskState>)>, StoreError> {
        let found: Option<(i64, String, Vec<u8>)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::no, messages::body, messages::hash))
            .get_result(self.conn()?)
            .optional()?;
        let Some((no, body, hash)) = found else { return Ok(None) };
        let state: Option<i32> = asks::table.find(no).select(asks::state).get_result(self.conn()?).optional()?;
        Ok(Some((rows::message(&body, &hash)?, state.map(rows::ask_state).transpose()?)))
    }

    /// Returns the messages that refer to one, oldest first, at most `limit`: its answer, and those that say so.
    pub fn replies(&mut self, id: MessageId, limit: i64) -> Result<Vec<MessageId>, StoreError> {
        let key = id.as_bytes().as_slice();
        let answer: Option<Option<Vec<u8>>> =
            asks::table.filter(asks::id.eq(key)).select(asks::answer).get_result(self.conn()?).optional()?;
        let others: Vec<Vec<u8>> = replies::table
            .inner_join(messages::table.on(messages::no.eq(replies::message_no)))
            .filter(replies::refers_to.eq(key))
            .order(replies::message_no)
            .limit(limit)
            .select(messages::id)
            .load(self.conn()?)?;
        let mut found = Vec::with_capacity(others.len() + 1);
        for bytes in answer.flatten().into_iter().chain(others) {
            let reply = rows::message_id("messages", &bytes)?;
            if !found.contains(&reply) {
                found.push(reply);
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}
