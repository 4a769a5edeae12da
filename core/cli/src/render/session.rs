//! Sessions: one, and a page of them.

use tieline_model::{
    TimestampMs,
    reply::{SessionState, SessionView, Sessions, WaitingOn, Why},
    session::progress::Usage,
};

use super::{
    activity::dollars,
    ago, line, runtime,
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
    let rows: Vec<[Cell; 7]> = sessions
        .iter()
        .map(|session| {
            let pending = if session.pending == 0 { String::new() } else { session.pending.to_string() };
            [
                Cell::new(Paint::Bold, format!("{}{}", if session.pinned { "* " } else { "" }, line(&session.title))),
                line(&session.circle).into(),
                marks(session).into(),
                Cell::new(paint(session.state), session.state.as_str()),
                match &session.runtime {
                    Some(view) => runtime::cell(view),
                    None if session.online => Cell::new(Paint::Good, "online"),
                    None => Cell::new(Paint::Plain, "offline"),
                },
                pending.into(),
                Cell::new(Paint::Dim, session.id.to_string()),
            ]
        })
        .collect();
    table(style, ["TITLE", "CIRCLE", "ROLES", "STATE", "PEER", "INBOX", "ID"], &rows)
}

fn roles(session: &SessionView) -> String {
    session.roles.iter().map(|role| format!("@{}", line(role))).collect::<Vec<_>>().join(" ")
}

/// Roles and labels, as they are typed.
fn marks(session: &SessionView) -> String {
    let labels = session.labels.iter().map(|label| format!("#{}", line(label)));
    let roles = session.roles.iter().map(|role| format!("@{}", line(role)));
    roles.chain(labels).collect::<Vec<_>>().join(" ")
}

fn paint(state: SessionState) -> Paint {
    match state {
        SessionState::Active => Paint::Good,
        SessionState::Waiting => Paint::Warn,
        SessionState::Open | SessionState::Idle => Paint::Plain,
        SessionState::Closed | SessionState::Archived => Paint::Dim,
    }
}

fn waits_for(view: &SessionView, now: TimestampMs) -> Option<String> {
    let waiting = view.waiting.as_ref()?;
    let on = match &waiting.on {
        WaitingOn::Answer { ask, from } => format!("the answer of {from} to {ask}"),
        WaitingOn::Approval { approval, subject } => format!("the approval {}: {}", line(approval), line(subject)),
    };
    Some(format!("{on}, asked {}", ago(waiting.since_ms, now)))
}

fn used(usage: &Usage) -> String {
    if usage.is_empty() {
        return String::new();
    }
    let cost = match usage.cost_micro_usd {
        0 => String::new(),
        micro => format!(", {}", dollars(micro)),
    };
    let Usage { input_tokens, output_tokens, cached_tokens, .. } = usage;
    format!("{input_tokens} tokens read ({cached_tokens} cached), {output_tokens} written{cost}")
}

/// Renders why a session is as it is, as a tree of waits.
pub fn why(why: &Why, style: &Style, now: TimestampMs) -> String {
    let view = &why.session;
    let mut out =
        format!("{} is {}", style.bold(&line(&view.title)), style.paint(paint(view.state), view.state.as_str()));
    for because in &why.because {
        let indent = "  ".repeat(because.depth as usize + 1);
        let age = because.at_ms.map(|at| format!("  {}", ago(at, now))).unwrap_or_default();
        let seq = because.seq.map(|seq| format!("  event {seq}")).unwrap_or_default();
        let message = because.message.map(|id| format!("  {id}")).unwrap_or_default();
        out += &format!("\n{indent}{}{}", line(&because.what), style.dim(&format!("{age}{seq}{message}")));
    }
    out
}

/// Renders one session with all that is known of it.
pub fn session(view: &SessionView, style: &Style, now: TimestampMs) -> String {
    let link = if view.online { "online" } else { "offline" };
    let opened = format!("{} by {}", ago(view.opened_at_ms, now), view.owner);
    let fields = [
        ("id", view.id.to_string()),
        ("circle", line(&view.circle)),
        ("roles", roles(view)),
        ("labels", view.labels.iter().map(|label| line(label)).collect::<Vec<_>>().join(", ")),
        ("pinned", if view.pinned { "yes".into() } else { String::new() }),
        ("state", format!("{}, {link}", view.state.as_str())),
        ("waits for", waits_for(view, now).unwrap_or_default()),
        ("inbox", view.pending.to_string()),
        ("backend", view.backend.as_deref().map(line).unwrap_or_default()),
        ("model", view.model.as_deref().map(line).unwrap_or_default()),
        ("saying", view.draft.as_ref().map(|draft| line(&draft.text)).unwrap_or_default()),
        ("used", used(&view.usage)),
        ("forked", view.parent.map(|it| format!("from {} after event {}", it.session, it.seq)).unwrap_or_default()),
        ("about", view.description.as_deref().map(line).unwrap_or_default()),
        ("project", view.project.as_deref().map(line).unwrap_or_default()),
        ("opened", opened),
    ];
    let runtime = view.runtime.iter().flat_map(|view| runtime::fields(view, now));
    let fields = fields.into_iter().chain(runtime).collect::<Vec<_>>();
    let head = style.bold(&line(&view.title));
    fields.iter().filter(|(_, value)| !value.is_empty()).fold(head, |out, (name, value)| {
        let name = style.dim(&format!("{name:9}"));
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
        closed.online = false;
        let page = Sessions { sessions: vec![session_view("review"), closed], next: Some(session_id(2)) };
        let id = session_id(2);
        assert_eq!(
            sessions(&page, &PLAIN),
            format!(
                "TITLE    CIRCLE  ROLES    STATE   PEER     INBOX  ID\n\
                 review   main    @critic  open    online   3      {id}\n\
                 old one  main             closed  offline         {id}\n\
                 there are more: --after {id}"
            )
        );
    }

    #[test]
    fn one_session_shows_what_it_has() {
        let mut view = session_view("review");
        view.description = Some("reads\ndiffs".into());
        let text = super::session(&view, &PLAIN, NOW);
        assert!(text.starts_with("review\n  id        ses_"), "{text}");
        assert!(text.contains("\n  about     reads\\ndiffs\n") && !text.contains("project"), "{text}");
    }
}
