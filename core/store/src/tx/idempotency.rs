//! Commands that were carried out, by their caller's key.

use diesel::prelude::*;
use tieline_model::{PrincipalId, TimestampMs};

use super::Tx;
use crate::{
    StoreError,
    schema::{idempotency, outcomes},
};

/// The outcome of an earlier command with the same key.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The hash of that command.
    pub hash: Vec<u8>,
    /// What was answered, as JSON.
    pub outcome: String,
}

impl Tx<'_> {
    /// Looks for an earlier command of this principal with this key.
    pub fn remembered(&mut self, principal: PrincipalId, key: &str) -> Result<Option<Remembered>, StoreError> {
        let no = self.principal_no(principal)?;
        let row: Option<(Vec<u8>, String)> = idempotency::table
            .find((no, key))
            .inner_join(outcomes::table)
            .select((outcomes::hash, outcomes::outcome))
            .get_result(self.conn)
            .optional()?;
        Ok(row.map(|(hash, outcome)| Remembered { hash, outcome }))
    }

    /// Keeps a command's outcome under its key.
    pub fn remember(
        &mut self,
        principal: PrincipalId,
        key: &str,
        hash: &[u8; 32],
        outcome: &str,
        at: TimestampMs,
    ) -> Result<(), StoreError> {
        let no = self.principal_no(principal)?;
        let counters = self.counters()?;
        counters.outcome_no += 1;
        let outcome_no = counters.outcome_no;
        diesel::insert_into(outcomes::table)
            .values((
                outcomes::no.eq(outcome_no),
                outcomes::hash.eq(hash.as_slice()),
                outcomes::outcome.eq(outcome),
                outcomes::at_ms.eq(at.0),
            ))
            .execute(self.conn)?;
        diesel::insert_into(idempotency::table)
            .values((
                idempotency::principal_no.eq(no),
                idempotency::key.eq(key),
                idempotency::outcome_no.eq(outcome_no),
            ))
            .execute(self.conn)?;
        Ok(())
    }
}
