//! The smaller replies: peers, who one is, tokens, plugins.

use tieline_model::{
    TimestampMs,
    command::AttachMode,
    reply::{Attached, Peers, PluginView, Plugins, TokenCreated, TokenView, Tokens, Whoami},
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

/// Renders the plugins.
pub fn plugins(reply: &Plugins, style: &Style) -> String {
    if reply.plugins.is_empty() {
        return "no plugins".into();
    }
    let rows: Vec<[Cell; 6]> = reply
        .plugins
        .iter()
        .map(|plugin| {
            let paint = match plugin.state.as_str() {
                "running" => Paint::Good,
                "disabled" | "stopped" => Paint::Dim,
                _ => Paint::Bad,
            };
            let step = plugin.step.as_deref().map(|step| format!("at {}: ", line(step))).unwrap_or_default();
            let reason = plugin.reason.as_deref().map(line).unwrap_or_default();
            [
                Cell::new(Paint::Bold, line(&plugin.name)),
                plugin.version.as_deref().map(line).unwrap_or_default().into(),
                Cell::new(paint, line(&plugin.state)),
                runs(plugin).into(),
                line(&plugin.file).into(),
                format!("{step}{reason}").into(),
            ]
        })
        .collect();
    table(style, ["NAME", "VERSION", "STATE", "RUNS", "FILE", "WHY"], &rows)
}

/// Says where a plugin runs.
fn runs(plugin: &PluginView) -> String {
    let isolation = plugin.isolation.as_deref().map(line).unwrap_or_default();
    match plugin.pid {
        Some(pid) => format!("{isolation} {pid}"),
        None => isolation,
    }
}

#[cfg(test)]
mod tests {
    use tieline_model::{PrincipalKind, TokenId};

    use super::*;
    use crate::render::testing::*;

    #[test]
    fn a_plugin_that_failed_says_at_which_step_and_why() {
        let plugin = |state: &str, step: Option<&str>, reason: Option<&str>| PluginView {
            name: "websocket".into(),
            file: "libx.so".into(),
            version: None,
            state: state.into(),
            step: step.map(Into::into),
            reason: reason.map(Into::into),
            isolation: None,
            pid: None,
        };
        let failed = plugin("failed", Some("symbol"), Some("no TIELINE_TRANSPORT"));
        let apart = PluginView {
            name: "echo".into(),
            isolation: Some("process".into()),
            pid: Some(1234),
            ..plugin("running", None, None)
        };
        let here = PluginView { isolation: Some("in-process".into()), ..plugin("running", None, None) };
        let reply = Plugins { plugins: vec![here, apart, failed] };
        assert_eq!(
            plugins(&reply, &PLAIN),
            "NAME       STATE    RUNS          FILE     WHY\n\
             websocket  running  in-process    libx.so\n\
             echo       running  process 1234  libx.so\n\
             websocket  failed                 libx.so  at symbol: no TIELINE_TRANSPORT\n"
        );
    }

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
