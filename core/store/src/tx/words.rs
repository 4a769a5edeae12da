//! Taking the words out of a message and leaving the rest: who wrote to whom, and when.

use diesel::prelude::*;
use tieline_model::{Message, MessageId};

use super::{
    Tx,
    update::{Update, Value},
};
use crate::{StoreError, rows, rows::signed, schema::messages};

impl Tx<'_> {
    /// Takes the words out of a message; false when they were gone already. `unnamed` is a session whose title goes too.
    pub(super) fn take_words(&mut self, id: MessageId, unnamed: Option<i64>) -> Result<bool, StoreError> {
        let row: Option<(i64, i64, String, String)> = messages::table
            .filter(messages::id.eq(id.as_bytes().as_slice()))
            .select((messages::no, messages::from_no, messages::body, messages::recipients))
            .get_result(self.conn)
            .optional()?;
        let Some((no, from_no, body, recipients)) = row else { return Ok(false) };
        let Ok(mut message) = rows::json::<Message>("messages", &body) else {
            // It was damaged, and stays so: without words it still does not match its hash.
            Update { sql: "UPDATE messages SET body = '' WHERE no = ?", values: &[Value::Int(no)] }
                .execute(self.conn)?;
            return Ok(!body.is_empty());
        };
        let takes_title = unnamed == Some(from_no) && message.from.title != "purged";
        if message.purged && !takes_title {
            return Ok(false);
        }
        message.take_words();
        if unnamed == Some(from_no) {
            message.from.title = "purged".to_owned();
        }
        let body = rows::to_json(&message)?;
        let hash = blake3::hash(body.as_bytes());
        let values = [Value::Text(Some(&body)), Value::Bytes(Some(hash.as_bytes().as_slice())), Value::Int(no)];
        Update { sql: "UPDATE messages SET body = ?, hash = ? WHERE no = ?", values: &values }.execute(self.conn)?;
        let places: Vec<(i64, u64)> = rows::json("messages", &recipients)?;
        let lane = i64::from(super::lane_number(message.kind.lane()));
        for (session_no, seq) in places {
            let values = [Value::Int(session_no), Value::Int(lane), Value::Int(signed(seq))];
            let sql = "UPDATE deliveries SET reason = NULL WHERE session_no = ? AND lane = ? AND seq = ?";
            Update { sql, values: &values }.execute(self.conn)?;
        }
        Ok(true)
    }
}
