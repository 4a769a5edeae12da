//! Sessions: one, and a page of them.

use tieline_model::{
    TimestampMs,
    reply::{SessionState, SessionView, Sessions},
};

use super::{
    ago, line,
    style::{Paint, Style},
    table::{Cell, table},
};

/// Renders a page of sessions.
pub fn sessions(page: &Sessions, style: &Style) -> String {
    if page.sessions.is_empty() {
        return "no sessions".into();
    }
    let mut out = rows(&page.sessions, style);
    if let Some(next) = page.next {
        out += &style.dim(&format!("there are more: --after {next}"));
    }
    out
}

/// Renders sessions as a table.
pub fn rows(sessions: &[SessionView], style: &Style) -> String {
    let rows: Vec<[Cell; 6]> = sessions
        .iter()
        .map(|session| {
            let pending = if session.pending == 0 { String::new() } else { session.pending.to_string() };
            [
                Cell::new(Paint::Bold, line(&session.title)),
                line(&session.circle).into(),
                roles(session).into(),
                state(session),
                pending.into(),
                Cell::new(Paint::Dim, session.id.to_string()),
            ]
        })
        .collect();
    table(style, ["TITLE", "CIRCLE", "ROLES", "STATE", "WAITING", "ID"], &rows)
}

fn roles(session: &SessionView) -> String {
    session.roles.iter().map(|role| format!("@{}", line(role))).collect::<Vec<_>>().join(" ")
}

fn state(session: &SessionView) -> Cell {
    match (session.state, session.online) {
        (SessionState::Closed, _) => Cell::new(Paint::Dim, "closed"),
        (SessionState::Open, true) => Cell::new(Paint::Good, "online"),
        (SessionState::Open, false) => Cell::new(Paint::Plain, "offline"),
    }
}

/// Renders one session with all that is known of it.
pub fn session(view: &SessionView, style: &Style, now: TimestampMs) -> String {
    let state = match (view.state, view.online) {
        (SessionState::Closed, _) => "closed",
        (SessionState::Open, true) => "open, online",
        (SessionState::Open, false) => "open, offline",
    };
    let opened = format!("{} by {}", ago(view.opened_at_ms, now), view.owner);
    let fields = [
        ("id", view.id.to_string()),
        ("circle", line(&view.circle)),
        ("roles", roles(view)),
        ("state", state.to_owned()),
        ("waiting", view.pending.to_string()),
        ("about", view.description.as_deref().map(line).unwrap_or_default()),
        ("project", view.project.as_deref().map(line).unwrap_or_default()),
        ("opened", opened),
    ];
    let head = style.bold(&line(&view.title));
    fields.iter().filter(|(_, value)| !value.is_empty()).fold(head, |out, (name, value)| {
        let name = style.dim(&format!("{name:8}"));
        format!("{out}\n  {name} {value}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::testing::*;

    #[test]
    fn a_page_is_a_table_and_tells_how_to_go_on() {
        let mut closed = session_view("old one");
        closed.state = SessionState::Closed;
        closed.roles.clear();
        closed.pending = 0;
        let page = Sessions { sessions: vec![session_view("review"), closed], next: Some(session_id(2)) };
        let id = session_id(2);
        assert_eq!(
            sessions(&page, &PLAIN),
            format!(
                "TITLE    CIRCLE  ROLES    STATE   WAITING  ID\n\
                 review   main    @critic  online  3        {id}\n\
                 old one  main             closed           {id}\n\
                 there are more: --after {id}"
            )
        );
    }

    #[test]
    fn one_session_shows_what_it_has() {
        let mut view = session_view("review");
        view.description = Some("reads\ndiffs".into());
        let text = super::session(&view, &PLAIN, NOW);
        assert!(text.starts_with("review\n  id       ses_"), "{text}");
        assert!(text.contains("\n  about    reads\\ndiffs\n") && !text.contains("project"), "{text}");
    }
}
