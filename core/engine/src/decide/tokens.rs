//! Tokens and the principals behind them. Only a human gets here: the door checks the scope.

use std::sync::Arc;

use tieline_model::{
    EventBody, Principal, PrincipalKind, Refusal, Reply, Scope, TimestampMs, TokenId,
    command::{TokenCreate, TokenRevoke},
    outcome::Code,
    reply::{Done, TokenCreated},
    text,
};
use tieline_store::{NewSession, StoreError};

use super::{Decision, Stop};
use crate::{auth, effect::Effect, request::Request};

impl Decision<'_, '_> {
    pub(super) fn token_create(&mut self, request: &Request, create: &TokenCreate) -> Result<Reply, Stop> {
        let caller = &request.principal;
        text::check_name(&create.name, "token_create.name")?;
        if matches!(create.kind, PrincipalKind::Plugin | PrincipalKind::Schedule | PrincipalKind::System) {
            let message =
                format!("`{}` is for the daemon itself; wanted human, agent or service", create.kind.as_str());
            return Err(Refusal::new(Code::BadInput, message).at("token_create.kind").into());
        }
        let scopes = create.scopes.clone().unwrap_or_else(|| create.kind.default_scopes());
        if let Some(scope) = scopes.iter().find(|scope| scope.is_human_only())
            && create.kind != PrincipalKind::Human
        {
            let message = format!("`{}` is for humans only", scope.as_str());
            return Err(Refusal::new(Code::BadInput, message).at("token_create.scopes").into());
        }
        let given = create.scopes.iter().flatten();
        if let Some(scope) = given.into_iter().find(|scope| !caller.may(**scope)) {
            let message = format!("you do not hold `{}` and cannot give it", scope.as_str());
            return Err(Refusal::new(Code::Forbidden, message).at("token_create.scopes").into());
        }
        let circles = create.circles.clone().unwrap_or_else(|| caller.circles.clone());
        if circles.is_empty() {
            return Err(Refusal::new(Code::BadInput, "no circle; wanted at least one")
                .at("token_create.circles")
                .into());
        }
        for (at, circle) in circles.iter().enumerate() {
            let field = format!("token_create.circles[{at}]");
            text::check_circle(circle, &field)?;
            if !caller.reaches(circle) {
                let message = format!("the circle `{circle}` is not in your reach");
                return Err(Refusal::new(Code::Forbidden, message).at(field).into());
            }
        }
        let expires_at = create.expires_in_ms.map(|ms| self.now.plus_ms(ms));
        let bytes = self
            .shared
            .mint
            .secret()
            .map_err(|error| StoreError::Damaged { table: "tokens", what: format!("no randomness: {error}") })?;
        let principal = Principal {
            id: self.shared.mint.principal(),
            kind: create.kind,
            name: create.name.clone(),
            scopes: if create.scopes.is_some() { scopes } else { kept(scopes, caller) },
            circles,
            home: self.shared.mint.session(),
        };
        let secret = auth::secret_text(bytes);
        let token = self.issue(&principal, &secret, expires_at)?;
        self.event(principal.home, EventBody::TokenCreated { token, by: caller.id })?;
        Ok(Reply::TokenCreated(TokenCreated { token, principal, secret }))
    }

    /// Writes a principal with its home session and its first token.
    pub fn issue(
        &mut self,
        principal: &Principal,
        secret: &str,
        expires_at: Option<TimestampMs>,
    ) -> Result<TokenId, StoreError> {
        let token = self.shared.mint.token();
        let hash = auth::hash(secret);
        self.tx.insert_principal(principal)?;
        self.create(&NewSession {
            id: principal.home,
            title: principal.name.clone(),
            circle: principal.circle().to_owned(),
            roles: Vec::new(),
            description: None,
            project: None,
            owner: principal.id,
            parent: None,
            opened_at: self.now,
        })?;
        self.tx.insert_token(token, principal.id, &hash, self.now, expires_at)?;
        self.effects.push(Effect::Token { id: token, hash, principal: Arc::new(principal.clone()), expires_at });
        Ok(token)
    }

    pub(super) fn token_revoke(&mut self, request: &Request, revoke: &TokenRevoke) -> Result<Reply, Stop> {
        let home = self.tx.home_of_token(revoke.token)?;
        let unknown = || {
            let message = format!("no good token `{}`", revoke.token);
            Refusal::new(Code::UnknownToken, message).at("token_revoke.token")
        };
        let home = home.ok_or_else(unknown)?;
        if !self.tx.revoke_token(revoke.token, self.now)? {
            return Err(unknown().into());
        }
        self.event(home, EventBody::TokenRevoked { token: revoke.token, by: request.principal.id })?;
        self.effects.push(Effect::Revoked { id: revoke.token });
        Ok(Reply::Done(Done {}))
    }
}

/// Default scopes, without those that the creator does not hold.
fn kept(scopes: Vec<Scope>, caller: &Principal) -> Vec<Scope> {
    scopes.into_iter().filter(|scope| caller.may(*scope)).collect()
}
