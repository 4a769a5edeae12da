//! Writing principals and their tokens.

use diesel::prelude::*;
use tieline_model::{Principal, PrincipalId, SessionId, TimestampMs, TokenId};

use super::Tx;
use crate::{
    StoreError,
    read::PrincipalRow,
    rows,
    schema::{principals, tokens},
};

impl Tx<'_> {
    /// Writes a principal.
    pub fn insert_principal(&mut self, principal: &Principal) -> Result<(), StoreError> {
        diesel::insert_into(principals::table)
            .values((
                principals::id.eq(principal.id.as_bytes().as_slice()),
                principals::kind.eq(principal.kind.as_str()),
                principals::name.eq(&principal.name),
                principals::scopes.eq(rows::to_json(&principal.scopes)?),
                principals::circles.eq(rows::to_json(&principal.circles)?),
                principals::home.eq(principal.home.as_bytes().as_slice()),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Writes what a principal may do, what it reaches and where its home is; false when there is no such principal.
    pub fn update_principal(&mut self, principal: &Principal) -> Result<bool, StoreError> {
        let row = principals::table.filter(principals::id.eq(principal.id.as_bytes().as_slice()));
        let values = (
            principals::scopes.eq(rows::to_json(&principal.scopes)?),
            principals::circles.eq(rows::to_json(&principal.circles)?),
            principals::home.eq(principal.home.as_bytes().as_slice()),
        );
        Ok(diesel::update(row).set(values).execute(self.conn)? > 0)
    }

    /// Writes a token of a principal: its hash, never its secret.
    pub fn insert_token(
        &mut self,
        id: TokenId,
        principal: PrincipalId,
        hash: &[u8; 32],
        created_at: TimestampMs,
        expires_at: Option<TimestampMs>,
    ) -> Result<(), StoreError> {
        let principal_no = self.principal_no(principal)?;
        diesel::insert_into(tokens::table)
            .values((
                tokens::id.eq(id.as_bytes().as_slice()),
                tokens::principal_no.eq(principal_no),
                tokens::hash.eq(hash.as_slice()),
                tokens::created_at_ms.eq(created_at.0),
                tokens::expires_at_ms.eq(expires_at.map(|at| at.0)),
            ))
            .execute(self.conn)?;
        Ok(())
    }

    /// Revokes a token; false when it is unknown or was revoked before.
    pub fn revoke_token(&mut self, id: TokenId, at: TimestampMs) -> Result<bool, StoreError> {
        let open =
            tokens::table.filter(tokens::id.eq(id.as_bytes().as_slice())).filter(tokens::revoked_at_ms.is_null());
        Ok(diesel::update(open).set(tokens::revoked_at_ms.eq(at.0)).execute(self.conn)? > 0)
    }

    /// Returns the home session of a token's principal.
    pub fn home_of_token(&mut self, id: TokenId) -> Result<Option<SessionId>, StoreError> {
        let home: Option<Vec<u8>> = tokens::table
            .inner_join(principals::table.on(principals::no.eq(tokens::principal_no)))
            .filter(tokens::id.eq(id.as_bytes().as_slice()))
            .select(principals::home)
            .get_result(self.conn)
            .optional()?;
        home.map(|bytes| rows::session_id("principals", &bytes)).transpose()
    }

    /// Returns a principal as it is now.
    pub fn principal(&mut self, id: PrincipalId) -> Result<Option<Principal>, StoreError> {
        let row: Option<PrincipalRow> = principals::table
            .filter(principals::id.eq(id.as_bytes().as_slice()))
            .select(PrincipalRow::as_select())
            .get_result(self.conn)
            .optional()?;
        row.map(PrincipalRow::read).transpose()
    }

    /// Tells whether a principal has a token that is good at this instant.
    pub fn has_good_token(&mut self, id: PrincipalId, now: TimestampMs) -> Result<bool, StoreError> {
        let no = self.principal_no(id)?;
        let good = tokens::table
            .filter(tokens::principal_no.eq(no))
            .filter(tokens::revoked_at_ms.is_null())
            .filter(tokens::expires_at_ms.is_null().or(tokens::expires_at_ms.gt(now.0)));
        Ok(diesel::select(diesel::dsl::exists(good)).get_result(self.conn)?)
    }

    pub(super) fn principal_no(&mut self, id: PrincipalId) -> Result<i64, StoreError> {
        if let Some(no) = self.cache.principals.get(&id) {
            return Ok(*no);
        }
        let no = principals::table
            .filter(principals::id.eq(id.as_bytes().as_slice()))
            .select(principals::no)
            .get_result(self.conn)?;
        self.cache.principals.insert(id, no);
        Ok(no)
    }
}
