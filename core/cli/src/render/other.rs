//! The smaller replies: peers, who one is, tokens.

use tieline_model::{
    TimestampMs,
    command::AttachMode,
    reply::{Attached, Peers, TokenCreated, TokenView, Tokens, Whoami},
};

use super::{
    ago, line, session, stamp,
    style::{Paint, Style},
    table::{Cell, table},
};

/// Renders who the caller is.
pub fn whoami(reply: &Whoami, style: &Style, _now: TimestampMs) -> String {
    let principal = &reply.principal;
    let scopes: Vec<&str> = principal.scopes.iter().map(|scope| scope.as_str()).collect();
    let circles: Vec<String> = principal.circles.iter().map(|circle| line(circle)).collect();
    format!(
        "{} ({})  {}\n  may      {}\n  circles  {}\n  daemon   {}\nsessions, home first:\n{}",
        style.bold(&line(&principal.name)),
        principal.kind.as_str(),
        style.dim(&principal.id.to_string()),
        scopes.join(", "),
        circles.join(", "),
        line(&reply.version),
        session::rows(&reply.sessions, style)
    )
}

/// Renders an attachment.
pub fn attached(reply: &Attached) -> String {
    format!("attached to `{}` ({}), epoch {}", line(&reply.title), reply.session, reply.epoch)
}

/// Renders the attached peers.
pub fn peers(reply: &Peers, style: &Style, now: TimestampMs) -> String {
    if reply.peers.is_empty() {
        return "no peer is attached".into();
    }
    let rows: Vec<[Cell; 7]> = reply
        .peers
        .iter()
        .map(|peer| {
            let mode = match peer.mode {
                AttachMode::Writer => "writer",
                AttachMode::Observer => "observer",
            };
            [
                Cell::new(Paint::Bold, line(&peer.title)),
                mode.into(),
                peer.transport.as_deref().map_or_else(|| "polls".to_owned(), line).into(),
                peer.link.map(|link| link.to_string()).unwrap_or_default().into(),
                peer.epoch.to_string().into(),
                peer.in_flight.to_string().into(),
                ago(peer.attached_at_ms, now).into(),
            ]
        })
        .collect();
    table(style, ["SESSION", "AS", "OVER", "LINK", "EPOCH", "UNDER WAY", "SINCE"], &rows)
}

/// Renders a new token with its secret.
pub fn token_created(reply: &TokenCreated, style: &Style) -> String {
    format!(
        "{}\nIts secret, shown this once and stored only as a hash:\n\n  {}\n\nUse it so: TIELINE_TOKEN=… tieline whoami",
        created(reply, style),
        style.bold(&line(&reply.secret))
    )
}

/// Says for whom a token was made.
pub fn created(reply: &TokenCreated, style: &Style) -> String {
    let principal = &reply.principal;
    let token = style.dim(&reply.token.to_string());
    format!("token for the {} `{}`  {token}", principal.kind.as_str(), line(&principal.name))
}

/// Renders the tokens.
pub fn tokens(reply: &Tokens, style: &Style, now: TimestampMs) -> String {
    if reply.tokens.is_empty() {
        return "no tokens".into();
    }
    let rows: Vec<[Cell; 6]> = reply
        .tokens
        .iter()
        .map(|token| {
            let circles: Vec<String> = token.circles.iter().map(|circle| line(circle)).collect();
            [
                Cell::new(Paint::Bold, line(&token.name)),
                token.kind.as_str().into(),
                circles.join(" ").into(),
                standing(token, now),
                ago(token.created_at_ms, now).into(),
                Cell::new(Paint::Dim, token.token.to_string()),
            ]
        })
        .collect();
    table(style, ["NAME", "KIND", "CIRCLES", "STATE", "CREATED", "ID"], &rows)
}

fn standing(token: &TokenView, now: TimestampMs) -> Cell {
    match (token.revoked_at_ms, token.expires_at_ms) {
        (Some(_), _) => Cell::new(Paint::Bad, "revoked"),
        (None, Some(at)) if at <= now => Cell::new(Paint::Bad, "expired"),
        (None, Some(at)) => Cell::new(Paint::Good, format!("good until {}", &stamp(at)[..16])),
        (None, None) => Cell::new(Paint::Good, "good"),
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::{PrincipalKind, TokenId};

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn a_token_shows_whether_it_is_good() {
        let mut token = TokenView {
            token: TokenId::from_uuid(uuid::Uuid::from_u128(1)),
            principal: principal_id(1),
            name: "ci".into(),
            kind: PrincipalKind::Service,
            scopes: vec![],
            circles: vec!["main".into()],
            home: session_id(1),
            created_at_ms: THEN,
            expires_at_ms: Some(NOW.plus_ms(60_000)),
            revoked_at_ms: None,
        };
        let shown = |token: &TokenView| tokens(&Tokens { tokens: vec![token.clone()] }, &PLAIN, NOW);
        assert!(shown(&token).contains("good until 2026-11-24 22:31"), "{}", shown(&token));
        token.expires_at_ms = Some(THEN);
        assert!(shown(&token).contains("expired"));
        token.revoked_at_ms = Some(THEN);
        assert!(shown(&token).contains("revoked"));
    }
}
