//! Removing what is too old: words of messages, and what commands were answered.

use diesel::{connection::SimpleConnection, prelude::*};
use tieline_model::MessageId;

use super::Tx;
use crate::{
    StoreError,
    retention::Answered,
    schema::{idempotency, meta, outcomes},
};

/// Where it stands that words may be gone which search still knows.
pub(crate) const FORGETTING: &str = "forgetting";

impl Tx<'_> {
    /// Takes the words out of messages. Returns those that had some.
    pub fn remove_words(&mut self, messages: &[MessageId]) -> Result<Vec<MessageId>, StoreError> {
        self.securely(|tx| {
            let mut gone = Vec::new();
            for message in messages {
                if tx.take_words(*message, None)? {
                    gone.push(*message);
                }
            }
            Ok(gone)
        })
    }

    /// Forgets what commands were answered.
    pub fn remove_outcomes(&mut self, answered: &[Answered]) -> Result<(), StoreError> {
        self.securely(|tx| {
            for Answered { principal_no, key, outcome_no } in answered {
                diesel::delete(idempotency::table.find((*principal_no, key))).execute(tx.conn)?;
                diesel::delete(outcomes::table.find(*outcome_no)).execute(tx.conn)?;
            }
            Ok(())
        })
    }

    /// Writes down whether words may be gone which search still knows.
    pub fn set_forgetting(&mut self, is_forgetting: bool) -> Result<(), StoreError> {
        if is_forgetting {
            diesel::replace_into(meta::table)
                .values((meta::key.eq(FORGETTING), meta::value.eq("1")))
                .execute(self.conn)?;
        } else {
            diesel::delete(meta::table.find(FORGETTING)).execute(self.conn)?;
        }
        Ok(())
    }

    /// Has what is freed meanwhile overwritten.
    pub(super) fn securely<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.conn.batch_execute("PRAGMA secure_delete = ON")?;
        let done = work(self);
        self.conn.batch_execute("PRAGMA secure_delete = OFF")?;
        done
    }
}
